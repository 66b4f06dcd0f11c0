// COCO's detection metrics for boxes, with pycocotools' numbers.

import { at } from '../util/at.ts';
import { DatasetError } from '../errors/trainerError.ts';
import { accumulateCategory, CocoCurves } from './cocoAccumulate.ts';
import { matchImage, topDetections, type ImageMatches } from './cocoMatch.ts';
import {
  resolveCocoParams,
  type CocoAnnotation,
  type CocoDetection,
  type CocoEvalParams,
  type CocoGroundTruth,
  type ImageId,
  type ResolvedCocoParams,
} from './cocoTypes.ts';
import { pyFixed } from './pyFormat.ts';

/** Names of the twelve numbers, in pycocotools' order. */
export const STAT_NAMES = [
  'AP',
  'AP50',
  'AP75',
  'APs',
  'APm',
  'APl',
  'AR@maxDets[0]',
  'AR@maxDets[1]',
  'AR@maxDets[2]',
  'ARs',
  'ARm',
  'ARl',
] as const;

/** Metrics of one category over all areas and the largest maxDets; NaN when it has no ground truth. */
export interface CategoryMetrics {
  /** -1 stands for all categories pooled (`useCats: false`). */
  readonly categoryId: number;
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly ar: number;
}

export interface CocoEvalResult {
  /** The twelve numbers of {@link STAT_NAMES}, in [0, 1]; -1 where not defined. */
  readonly stats: readonly number[];
  readonly perClass: readonly CategoryMetrics[];
  /** All precision and recall values, with their indexing. */
  readonly curves: CocoCurves;
  readonly params: ResolvedCocoParams;
}

/**
 * Evaluate boxes as COCO does.
 * Detections must lie on images of `gt`; annotations and detections of other categories don't count.
 * @param gt borrowed; `iscrowd` annotations are ignored regions; `ignore` has no effect, as in pycocotools
 * @param dt borrowed, in any order; ties in score keep it
 * @throws DatasetError `unknown-image` when a detection names an image that `gt` doesn't have
 * Source: pycocotools 2.0 `COCOeval` (evaluate, accumulate, summarize), iouType `bbox`.
 */
export function evaluateCocoBbox(
  gt: CocoGroundTruth,
  dt: readonly CocoDetection[],
  params: CocoEvalParams = {},
): CocoEvalResult {
  const resolved = resolveCocoParams(gt, params);
  const known = new Set(gt.images.map((image) => image.id));
  const stray = dt.find((detection) => !known.has(detection.image_id));
  if (stray) {
    throw new DatasetError(
      `detections must be on images of the ground truth, but one is on image ${JSON.stringify(stray.image_id)}`,
      { code: 'unknown-image', hint: 'were the detections made from another dataset?' },
    );
  }
  const gtOf = groupByImageAndCategory(asLookedUp(gt.annotations, resolved));
  const dtOf = groupByImageAndCategory(dt);
  // Without categories everything known is pooled, ordered by category, then as in the file.
  const categoryGroups = resolved.useCats ? resolved.categoryIds.map((id) => [id]) : [resolved.categoryIds];
  const maxDets = resolved.maxDets[resolved.maxDets.length - 1] ?? 0;
  const curves = new CocoCurves(resolved, categoryGroups.length);
  categoryGroups.forEach((categories, k) => {
    const matches: ImageMatches[] = [];
    for (const imageId of resolved.imageIds) {
      const gts = pick(gtOf, imageId, categories);
      const dts = pick(dtOf, imageId, categories);
      const match = matchImage(topDetections(dts, maxDets), gts, resolved.iouThrs);
      if (match) matches.push(match);
    }
    accumulateCategory(curves, k, matches, resolved);
  });
  const ids = resolved.useCats ? resolved.categoryIds : [-1];
  return {
    stats: summarize(curves, resolved),
    perClass: ids.map((id, k) => categoryMetrics(curves, resolved, id, k)),
    curves,
    params: resolved,
  };
}

/**
 * Write the twelve lines that pycocotools prints.
 * @example cocoSummaryLines(result)[0]
 * // ' Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.145'
 */
export function cocoSummaryLines({ stats, params }: CocoEvalResult): string[] {
  const { iouThrs, maxDets } = params;
  const all = `${at(iouThrs, 0).toFixed(2)}:${at(iouThrs, iouThrs.length - 1).toFixed(2)}`;
  const [m0, m1, m2] = maxDets;
  const rows: [boolean, string, string, number | undefined][] = [
    [true, all, 'all', 100],
    [true, '0.50', 'all', m2],
    [true, '0.75', 'all', m2],
    [true, all, 'small', m2],
    [true, all, 'medium', m2],
    [true, all, 'large', m2],
    [false, all, 'all', m0],
    [false, all, 'all', m1],
    [false, all, 'all', m2],
    [false, all, 'small', m2],
    [false, all, 'medium', m2],
    [false, all, 'large', m2],
  ];
  return rows.map(([isPrecision, iou, area, max], i) => {
    const title = isPrecision ? 'Average Precision ' : 'Average Recall    ';
    const kind = isPrecision ? '(AP)' : '(AR)';
    return ` ${title} ${kind} @[ IoU=${iou.padEnd(9)} | area=${area.padStart(6)} | maxDets=${String(max).padStart(3)} ] = ${pyFixed(at(stats, i), 3)}`;
  });
}

function summarize(curves: CocoCurves, params: ResolvedCocoParams): number[] {
  const { maxDets } = params;
  const ap = (a: number, max: number | undefined, iouThr?: number): number =>
    meanPrecision(curves, params, { area: a, max, iouThr });
  const ar = (a: number, max: number | undefined): number => meanRecall(curves, params, a, max);
  // pycocotools asks for maxDets=100 in the first number whatever maxDets holds; absent gives -1.
  return [
    ap(0, 100),
    ap(0, maxDets[2], 0.5),
    ap(0, maxDets[2], 0.75),
    ap(1, maxDets[2]),
    ap(2, maxDets[2]),
    ap(3, maxDets[2]),
    ar(0, maxDets[0]),
    ar(0, maxDets[1]),
    ar(0, maxDets[2]),
    ar(1, maxDets[2]),
    ar(2, maxDets[2]),
    ar(3, maxDets[2]),
  ];
}

interface PrecisionSelection {
  readonly area: number;
  /** pycocotools' maxDets[i], where there are so many. */
  readonly max: number | undefined;
  readonly iouThr?: number;
  /** Index of one category; all when left out. */
  readonly category?: number;
}

/** Mean of the defined precisions of a selection, -1 when there is none. */
function meanPrecision(
  curves: CocoCurves,
  params: ResolvedCocoParams,
  selection: PrecisionSelection,
): number {
  const [ts, rs, ks] = curves.shape;
  let sum = 0;
  let count = 0;
  for (let m = 0; m < params.maxDets.length; m++) {
    if (params.maxDets[m] !== selection.max) continue;
    for (let t = 0; t < ts; t++) {
      if (selection.iouThr !== undefined && params.iouThrs[t] !== selection.iouThr) continue;
      for (let r = 0; r < rs; r++) {
        for (let k = 0; k < ks; k++) {
          if (selection.category !== undefined && k !== selection.category) continue;
          const value = curves.precision[curves.precisionIndex(t, r, k, selection.area, m)] ?? -1;
          if (value <= -1) continue;
          sum += value;
          count += 1;
        }
      }
    }
  }
  return count === 0 ? -1 : sum / count;
}

/** Mean of the defined recalls over thresholds and categories, -1 when there is none. */
function meanRecall(
  curves: CocoCurves,
  params: ResolvedCocoParams,
  area: number,
  max: number | undefined,
  category?: number,
): number {
  const [ts, , ks] = curves.shape;
  let sum = 0;
  let count = 0;
  for (let m = 0; m < params.maxDets.length; m++) {
    if (params.maxDets[m] !== max) continue;
    for (let t = 0; t < ts; t++) {
      for (let k = 0; k < ks; k++) {
        if (category !== undefined && k !== category) continue;
        const value = curves.recall[curves.recallIndex(t, k, area, m)] ?? -1;
        if (value <= -1) continue;
        sum += value;
        count += 1;
      }
    }
  }
  return count === 0 ? -1 : sum / count;
}

function categoryMetrics(
  curves: CocoCurves,
  params: ResolvedCocoParams,
  categoryId: number,
  category: number,
): CategoryMetrics {
  const max = params.maxDets[params.maxDets.length - 1] ?? 0;
  const orNaN = (value: number): number => (value === -1 ? NaN : value);
  const ap = (iouThr?: number): number =>
    orNaN(meanPrecision(curves, params, { area: 0, max, iouThr, category }));
  return {
    categoryId,
    ap: ap(),
    ap50: ap(0.5),
    ap75: ap(0.75),
    ar: orNaN(meanRecall(curves, params, 0, max, category)),
  };
}

/**
 * The annotations as pycocotools finds them: looked up by id, so that the last one of an id stands for all of them.
 * Source: pycocotools 2.0 `COCO.createIndex`, `COCO.loadAnns`, `COCOeval._prepare`.
 */
function asLookedUp(
  annotations: readonly CocoAnnotation[],
  { imageIds, categoryIds, useCats }: ResolvedCocoParams,
): readonly CocoAnnotation[] {
  const lastOf = new Map<number, CocoAnnotation>();
  let isUnique = true;
  for (const annotation of annotations) {
    if (annotation.id === undefined) continue;
    isUnique &&= !lastOf.has(annotation.id);
    lastOf.set(annotation.id, annotation);
  }
  if (isUnique) return annotations;
  const ofImage = new Map<ImageId, CocoAnnotation[]>(imageIds.map((id) => [id, []]));
  const wanted = new Set(categoryIds);
  for (const annotation of annotations) {
    if (!useCats || wanted.has(annotation.category_id)) ofImage.get(annotation.image_id)?.push(annotation);
  }
  return imageIds.flatMap((id) =>
    (ofImage.get(id) ?? []).map((one) => (one.id === undefined ? one : (lastOf.get(one.id) ?? one))),
  );
}

type Grouped<T> = ReadonlyMap<ImageId, ReadonlyMap<number, readonly T[]>>;

function groupByImageAndCategory<T extends CocoAnnotation | CocoDetection>(rows: readonly T[]): Grouped<T> {
  const groups = new Map<ImageId, Map<number, T[]>>();
  for (const row of rows) {
    let ofImage = groups.get(row.image_id);
    if (!ofImage) groups.set(row.image_id, (ofImage = new Map()));
    const list = ofImage.get(row.category_id);
    if (list) list.push(row);
    else ofImage.set(row.category_id, [row]);
  }
  return groups;
}

function pick<T>(groups: Grouped<T>, imageId: ImageId, categories: readonly number[]): readonly T[] {
  const ofImage = groups.get(imageId);
  if (!ofImage) return [];
  const [category] = categories;
  if (category !== undefined && categories.length === 1) return ofImage.get(category) ?? [];
  return categories.flatMap((id) => ofImage.get(id) ?? []);
}
