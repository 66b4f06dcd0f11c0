// Precision and recall of one category, from the matches of all images.
// Source: pycocotools 2.0 `COCOeval.accumulate`.

import { descendingOrder, IGNORED, MATCHED, type ImageMatches } from './cocoMatch.ts';
import { AREA_RANGES, type ResolvedCocoParams } from './cocoTypes.ts';
import { at as itemAt, f64At, u32At, u8At } from '../util/at.ts';

/** Precision [T, R, K, A, M] and recall [T, K, A, M], -1 where there is no ground truth. */
export class CocoCurves {
  /** Sizes: thresholds, recall thresholds, categories, areas, maxDets. */
  readonly shape: readonly [number, number, number, number, number];
  readonly precision: Float64Array;
  readonly recall: Float64Array;

  constructor(params: ResolvedCocoParams, categories: number) {
    const [t, r] = [params.iouThrs.length, params.recThrs.length];
    const [a, m] = [AREA_RANGES.length, params.maxDets.length];
    this.shape = [t, r, categories, a, m];
    this.precision = new Float64Array(t * r * categories * a * m).fill(-1);
    this.recall = new Float64Array(t * categories * a * m).fill(-1);
  }

  /** Index into `precision`. */
  precisionIndex(t: number, r: number, k: number, a: number, m: number): number {
    const [, rs, ks, as, ms] = this.shape;
    return (((t * rs + r) * ks + k) * as + a) * ms + m;
  }

  /** Index into `recall`. */
  recallIndex(t: number, k: number, a: number, m: number): number {
    const [, , ks, as, ms] = this.shape;
    return ((t * ks + k) * as + a) * ms + m;
  }
}

/**
 * Fill in one category's curves.
 * @param matches of each image in image order, each with at most the largest maxDets detections
 */
export function accumulateCategory(
  curves: CocoCurves,
  k: number,
  matches: readonly ImageMatches[],
  params: ResolvedCocoParams,
): void {
  const rows = AREA_RANGES.length * params.iouThrs.length;
  const total = matches.reduce((sum, match) => sum + match.scores.length, 0);
  const detections: CategoryDetections = {
    scores: new Float64Array(total),
    rank: new Uint32Array(total),
    flags: new Uint8Array(rows * total),
  };
  let start = 0;
  for (const match of matches) {
    appendMatches(detections, match, start, rows);
    start += match.scores.length;
  }
  const order = descendingOrder(detections.scores);
  const buffers = { recall: new Float64Array(total), precision: new Float64Array(total) };
  for (let m = 0; m < params.maxDets.length; m++) {
    // A stable order restricted to a part is the part's stable order, so one sort serves every maxDets.
    const kept = order.filter((at) => u32At(detections.rank, at) < itemAt(params.maxDets, m));
    for (let a = 0; a < AREA_RANGES.length; a++) {
      const gtCount = matches.reduce((sum, match) => sum + itemAt(match.gtCounts, a), 0);
      if (gtCount === 0) continue;
      for (let t = 0; t < params.iouThrs.length; t++) {
        const row = (a * params.iouThrs.length + t) * total;
        const flags = detections.flags.subarray(row, row + total);
        accumulateCurve(curves, [t, k, a, m], kept, flags, gtCount, params, buffers);
      }
    }
  }
}

/** All detections of a category, image after image. */
interface CategoryDetections {
  readonly scores: Float64Array;
  /** Place of each detection within its image. */
  readonly rank: Uint32Array;
  /** [areas * thresholds, N]: bits MATCHED and IGNORED. */
  readonly flags: Uint8Array;
}

function appendMatches(target: CategoryDetections, match: ImageMatches, start: number, rows: number): void {
  const count = match.scores.length;
  const total = target.scores.length;
  for (let d = 0; d < count; d++) {
    target.scores[start + d] = f64At(match.scores, d);
    target.rank[start + d] = d;
  }
  for (let row = 0; row < rows; row++) {
    for (let d = 0; d < count; d++)
      target.flags[row * total + start + d] = u8At(match.flags, row * count + d);
  }
}

function accumulateCurve(
  curves: CocoCurves,
  [t, k, a, m]: readonly [number, number, number, number],
  kept: Uint32Array,
  flags: Uint8Array,
  gtCount: number,
  params: ResolvedCocoParams,
  { recall, precision }: { recall: Float64Array; precision: Float64Array },
): void {
  const count = kept.length;
  let truePositives = 0;
  let falsePositives = 0;
  for (let i = 0; i < count; i++) {
    const flag = u8At(flags, u32At(kept, i));
    if ((flag & IGNORED) === 0) {
      if (flag & MATCHED) truePositives += 1;
      else falsePositives += 1;
    }
    recall[i] = truePositives / gtCount;
    // numpy.spacing(1) keeps 0/0 at 0.
    precision[i] = truePositives / (falsePositives + truePositives + Number.EPSILON);
  }
  curves.recall[curves.recallIndex(t, k, a, m)] = count > 0 ? f64At(recall, count - 1) : 0;
  for (let i = count - 1; i > 0; i--) {
    if (f64At(precision, i) > f64At(precision, i - 1)) precision[i - 1] = f64At(precision, i);
  }
  // searchsorted(recall, recThrs, side='left') by walking both, as both ascend.
  for (let r = 0, i = 0; r < params.recThrs.length; r++) {
    while (i < count && f64At(recall, i) < itemAt(params.recThrs, r)) i += 1;
    curves.precision[curves.precisionIndex(t, r, k, a, m)] = i < count ? f64At(precision, i) : 0;
  }
}
