// Matching of detections with ground truth in one image, for every area range and IoU threshold.
// Source: pycocotools 2.0 `COCOeval.computeIoU`, `COCOeval.evaluateImg` and maskApi.c `bbIou`.

import { AREA_RANGES, type CocoAnnotation } from './cocoTypes.ts';
import { at, f64At, take, u32At, u8At } from '../util/at.ts';

/** The detections of one image and category, best first. */
export interface ImageDetections {
  /** float64 [N, 4], xywh, absolute px. */
  readonly boxes: Float64Array;
  /** float64 [N], descending. */
  readonly scores: Float64Array;
}

/** A detection is matched (a true positive unless ignored). */
export const MATCHED = 1;
/** A detection counts neither as true nor as false positive. */
export const IGNORED = 2;

/** The matches of one image and category. */
export interface ImageMatches {
  readonly scores: Float64Array;
  /** uint8 [areas, thresholds, N]: bits MATCHED and IGNORED. */
  readonly flags: Uint8Array;
  /** Ground truths that count, per area range. */
  readonly gtCounts: readonly number[];
}

/**
 * Sort one image's detections by falling score (ties keep their order, as NumPy's mergesort) and keep the
 * best `maxDets`.
 * @param rows boxes xywh and scores in the order of the file
 */
export function topDetections(
  rows: readonly { readonly bbox: readonly number[]; readonly score: number }[],
  maxDets: number,
): ImageDetections {
  const order = descendingOrder(
    Float64Array.from(rows, (row) => row.score),
    maxDets,
  );
  const boxes = new Float64Array(order.length * 4);
  const scores = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const { bbox, score } = at(rows, u32At(order, i));
    boxes.set(bbox, i * 4);
    scores[i] = score;
  }
  return { boxes, scores };
}

/** Indices that sort `scores` in falling order, stable, NaN last; at most `limit` of them. */
export function descendingOrder(scores: Float64Array, limit = Infinity): Uint32Array {
  const order = Uint32Array.from(scores, (_, i) => i);
  // Typed-array sort is stable since ES2019; the index as tie-breaker makes that explicit and costs nothing.
  order.sort((a, b) => {
    const x = f64At(scores, a);
    const y = f64At(scores, b);
    if (x > y) return -1;
    if (x < y) return 1;
    if (x === y) return a - b;
    return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
  });
  return order.length > limit ? order.slice(0, limit) : order;
}

/**
 * IoU of each detection with each ground truth; with a crowd, the intersection over the detection's area.
 * @param boxes float64 [N, 4], xywh
 * @returns float64 [N, G], a row per detection
 */
export function cocoIou(boxes: Float64Array, gts: readonly CocoAnnotation[]): Float64Array {
  const n = boxes.length / 4;
  const g = gts.length;
  const ious = new Float64Array(n * g);
  for (let j = 0; j < g; j++) {
    const [gx, gy, gw, gh] = take(at(gts, j).bbox, 4);
    const crowd = Boolean(at(gts, j).iscrowd);
    const gtArea = gw * gh;
    for (let i = 0; i < n; i++) {
      const x = f64At(boxes, i * 4);
      const y = f64At(boxes, i * 4 + 1);
      const w = f64At(boxes, i * 4 + 2);
      const h = f64At(boxes, i * 4 + 3);
      const iw = Math.min(w + x, gw + gx) - Math.max(x, gx);
      if (iw <= 0) continue;
      const ih = Math.min(h + y, gh + gy) - Math.max(y, gy);
      if (ih <= 0) continue;
      const intersection = iw * ih;
      const union = crowd ? w * h : w * h + gtArea - intersection;
      ious[i * g + j] = intersection / union;
    }
  }
  return ious;
}

/**
 * Match one image's detections with its ground truths, greedily by score.
 * A match with an annotation whose id is 0 counts as no match: pycocotools stores the id as the match flag.
 * @returns null when there is neither a detection nor a ground truth
 */
export function matchImage(
  detections: ImageDetections,
  gts: readonly CocoAnnotation[],
  iouThrs: readonly number[],
): ImageMatches | null {
  const n = detections.scores.length;
  const g = gts.length;
  if (n === 0 && g === 0) return null;
  const ious = cocoIou(detections.boxes, gts);
  const areas = gts.map((gt) => gt.area ?? at(gt.bbox, 2) * at(gt.bbox, 3));
  const flags = new Uint8Array(AREA_RANGES.length * iouThrs.length * n);
  const gtCounts: number[] = [];
  const crowd = Uint8Array.from(gts, (gt) => Number(Boolean(gt.iscrowd)));
  const order = new Uint32Array(g);
  const taken = new Uint8Array(g);

  for (let a = 0; a < AREA_RANGES.length; a++) {
    const [minArea, maxArea] = at(AREA_RANGES, a);
    // The counting ground truths first, then the ignored ones, each in file order.
    const ignored = (j: number): boolean =>
      crowd[j] === 1 || at(areas, j) < minArea || at(areas, j) > maxArea;
    let counted = 0;
    for (let j = 0; j < g; j++) if (!ignored(j)) order[counted++] = j;
    gtCounts.push(counted);
    for (let j = 0, end = counted; j < g; j++) if (ignored(j)) order[end++] = j;

    const outside = detectionsOutside(detections, minArea, maxArea);
    if (g === 0) {
      const start = a * iouThrs.length * n;
      for (let t = 0; t < iouThrs.length; t++) flags.set(outside, start + t * n);
      continue;
    }
    for (let t = 0; t < iouThrs.length; t++) {
      taken.fill(0);
      const offset = (a * iouThrs.length + t) * n;
      for (let i = 0; i < n; i++) {
        let best = Math.min(at(iouThrs, t), 1 - 1e-10);
        let match = -1;
        for (let k = 0; k < g; k++) {
          const j = u32At(order, k);
          if (taken[j] === 1 && crowd[j] === 0) continue;
          // A counting match is never given up for an ignored one.
          if (match > -1 && match < counted && k >= counted) break;
          const iou = f64At(ious, i * g + j);
          if (iou < best) continue;
          best = iou;
          match = k;
        }
        let flag = 0;
        if (match > -1) {
          const j = u32At(order, match);
          taken[j] = 1;
          if ((at(gts, j).id ?? 1) !== 0) flag |= MATCHED;
          if (match >= counted) flag |= IGNORED;
        }
        if ((flag & MATCHED) === 0) flag |= u8At(outside, i);
        flags[offset + i] = flag;
      }
    }
  }
  return { scores: detections.scores, flags, gtCounts };
}

/** IGNORED for each detection whose area is out of range, else 0: what an unmatched one gets. */
function detectionsOutside({ boxes, scores }: ImageDetections, minArea: number, maxArea: number): Uint8Array {
  const flags = new Uint8Array(scores.length);
  for (let i = 0; i < flags.length; i++) {
    const area = f64At(boxes, i * 4 + 2) * f64At(boxes, i * 4 + 3);
    if (area < minArea || area > maxArea) flags[i] = IGNORED;
  }
  return flags;
}
