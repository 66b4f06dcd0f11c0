// Non-maximum suppression. Sources: mmcv 1.7.2 `ops/nms.py` (offset 0), mmdet 2.28.2 `core/post_processing/bbox_nms.py`.

import { ConfigError } from '../../errors/index.ts';
import {
  absent,
  declareArgs,
  dictByType,
  flag,
  int,
  number,
  optional,
  required,
  unsupported,
} from '../../registry/index.ts';
import { boxAreas, type Boxes } from './iou.ts';
import { at, f32At, i32At, take } from '../../util/at.ts';

const f = Math.fround;

/** The `nms` dict of a test_cfg. */
export interface NmsCfg {
  readonly type?: string;
  readonly iou_threshold?: number;
  /** Boxes with a lower score are dropped first. */
  readonly score_threshold?: number;
  /** Keep at most so many; -1: all. */
  readonly max_num?: number;
  /** True: boxes suppress those of other classes too. */
  readonly class_agnostic?: boolean;
  /** From so many boxes on, classes are done one by one. */
  readonly split_thr?: number;
}

/** Of the `nms` dict of a test_cfg. */
export const NMS_CFG = dictByType(
  {
    nms: declareArgs({
      iou_threshold: required(number, 'Boxes that overlap a better one by more are dropped.'),
      score_threshold: optional(number, 0, 'Boxes with a lower score are dropped first.'),
      max_num: optional(int, -1, 'How many are kept; -1: all.', 'boxes'),
      class_agnostic: optional(flag, false, 'Whether boxes suppress those of other classes, too.'),
      split_thr: optional(int, 10000, 'From so many boxes on, classes are done one by one.', 'boxes'),
      offset: absent(unsupported(0), 'Added to sides when areas are computed.'),
    }),
  },
  'nms',
);

/** Scored boxes of one image, best first. */
export interface Detections {
  /** float32 [N, 4], xyxy, px. */
  readonly boxes: Boxes;
  /** float32 [N]. */
  readonly scores: Float32Array;
  readonly labels: Int32Array;
}

/**
 * Keep the best box, drop those overlapping it by more than the threshold, and so on.
 * @param boxes float32 [N, 4], xyxy @param scores float32 [N]
 * @returns indices of the kept boxes, best first
 */
export function nms(boxes: Boxes, scores: Float32Array, iouThreshold: number): Int32Array {
  const order = sortDescending(scores);
  const areas = boxAreas(boxes);
  const dropped = new Uint8Array(scores.length);
  const keep: number[] = [];
  for (let a = 0; a < order.length; a++) {
    const i = i32At(order, a);
    if (dropped[i]) continue;
    keep.push(i);
    const [x1, y1, x2, y2] = take(boxes.subarray(i * 4, i * 4 + 4), 4);
    for (let b = a + 1; b < order.length; b++) {
      const j = i32At(order, b);
      if (dropped[j]) continue;
      const q = j * 4;
      const w = Math.max(f(Math.min(x2, f32At(boxes, q + 2)) - Math.max(x1, f32At(boxes, q))), 0);
      const h = Math.max(f(Math.min(y2, f32At(boxes, q + 3)) - Math.max(y1, f32At(boxes, q + 1))), 0);
      const inter = f(w * h);
      if (f(inter / f(f(f32At(areas, i) + f32At(areas, j)) - inter)) > iouThreshold) dropped[j] = 1;
    }
  }
  return Int32Array.from(keep);
}

/**
 * The `iou_threshold` of an `nms` dict.
 * @throws ConfigError for another type than `nms` or a missing threshold
 */
export function nmsThreshold({ type = 'nms', iou_threshold: threshold }: NmsCfg): number {
  if (type !== 'nms')
    throw new ConfigError(`nms type must be 'nms', but got '${type}'`, {
      code: 'unsupported',
      path: 'model.test_cfg.nms.type',
      hint: "soft_nms and nms_match aren't built; write nms=dict(type='nms', iou_threshold=0.5)",
    });
  if (typeof threshold !== 'number')
    throw new ConfigError(
      `nms must have an iou_threshold, a number, but ${threshold === undefined ? 'has none' : `got ${JSON.stringify(threshold)}`}`,
      {
        code: 'missing-argument',
        path: 'model.test_cfg.nms.iou_threshold',
        hint: "write nms=dict(type='nms', iou_threshold=0.5)",
      },
    );
  return threshold;
}

/**
 * {@link nms} within each class, by shifting the classes apart as MMCV does.
 * @param labels int32 [N]
 * @returns indices of the kept boxes, best first
 */
export function batchedNms(
  boxes: Boxes,
  scores: Float32Array,
  labels: Int32Array,
  cfg: NmsCfg | null,
): Int32Array {
  // `nms=None` in a config means no suppression.
  if (cfg === null) return sortDescending(scores);
  const { max_num: maxNum = -1, split_thr: splitThr = 10000 } = cfg;
  const threshold = nmsThreshold(cfg);
  const candidates = above(scores, cfg.score_threshold ?? 0);
  const shifted = cfg.class_agnostic ? boxes : shiftByClass(boxes, labels);
  let keep: Int32Array;
  if (candidates.length < splitThr) keep = nmsOf(candidates, shifted, scores, threshold);
  else {
    const kept = new Set(candidates.map((i) => labels[i]));
    const perClass = [...kept].flatMap((label) => [
      ...nmsOf(
        candidates.filter((i) => labels[i] === label),
        shifted,
        scores,
        threshold,
      ),
    ]);
    const ascending = Int32Array.from(perClass).sort();
    const order = sortDescending(Float32Array.from(ascending, (i) => f32At(scores, i)));
    keep = order.map((k) => i32At(ascending, k));
  }
  return maxNum > 0 ? keep.subarray(0, maxNum) : keep;
}

export interface MulticlassNmsOptions {
  readonly numClasses: number;
  readonly scoreThr: number;
  readonly nms: NmsCfg | null;
  /** Keep at most so many; -1: all. */
  readonly maxNum?: number;
  /** float32 [N], multiplied into the scores after the threshold. */
  readonly scoreFactors?: Float32Array | null;
}

/**
 * Detections from class scores: every (box, class) pair above the threshold competes.
 * @param boxes float32 [N, 4], or [N, K * 4] with one box per class
 * @param scores float32 [N, K + 1]; the last column, the background, is not used
 */
export function multiclassNms(
  boxes: Float32Array,
  scores: Float32Array,
  options: MulticlassNmsOptions,
): Detections {
  const { numClasses, maxNum = -1, scoreFactors = null } = options;
  const columns = numClasses + 1;
  const n = scores.length / columns;
  const perClass = boxes.length > n * 4;
  const threshold = f(options.scoreThr);
  const picked: { box: number; label: number; score: number }[] = [];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < numClasses; k++) {
      const score = f32At(scores, i * columns + k);
      if (!(score > threshold)) continue;
      const box = perClass ? i * numClasses + k : i;
      picked.push({ box, label: k, score: scoreFactors ? f(score * f32At(scoreFactors, i)) : score });
    }
  }
  const all: Detections = {
    boxes: takeRows(
      boxes,
      picked.map((p) => p.box),
    ),
    scores: Float32Array.from(picked, (p) => p.score),
    labels: Int32Array.from(picked, (p) => p.label),
  };
  const keep = batchedNms(all.boxes, all.scores, all.labels, options.nms);
  return takeDetections(all, maxNum > 0 ? keep.subarray(0, maxNum) : keep);
}

/** The detections at some indices, in their order. */
export function takeDetections(all: Detections, indices: ArrayLike<number>): Detections {
  const list = Array.from(indices);
  return {
    boxes: takeRows(all.boxes, list),
    scores: Float32Array.from(list, (i) => f32At(all.scores, i)),
    labels: Int32Array.from(list, (i) => i32At(all.labels, i)),
  };
}

/** Rows of a float32 [N, 4]. */
export function takeRows(rows: Float32Array, indices: readonly number[]): Float32Array {
  const out = new Float32Array(indices.length * 4);
  indices.forEach((i, k) => out.set(rows.subarray(i * 4, i * 4 + 4), k * 4));
  return out;
}

/** Indices by descending value; equal ones keep their order. NaN comes first, as in PyTorch. */
export function sortDescending(values: Float32Array): Int32Array {
  const rank = (i: number): number => (Number.isNaN(values[i]) ? Infinity : f32At(values, i));
  return Int32Array.from(values.keys()).sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x === y ? a - b : y > x ? 1 : -1;
  });
}

function above(scores: Float32Array, threshold: number): number[] {
  const all = [...scores.keys()];
  return threshold > 0 ? all.filter((i) => f32At(scores, i) > threshold) : all;
}

function nmsOf(
  candidates: readonly number[],
  boxes: Boxes,
  scores: Float32Array,
  threshold: number,
): Int32Array {
  const subset = takeRows(boxes, candidates);
  const kept = nms(
    subset,
    Float32Array.from(candidates, (i) => f32At(scores, i)),
    threshold,
  );
  return kept.map((k) => at(candidates, k));
}

function shiftByClass(boxes: Boxes, labels: Int32Array): Boxes {
  let largest = -Infinity;
  for (const value of boxes) largest = Math.max(largest, value);
  const step = f(largest + 1);
  return boxes.map((value, k) => value + f(i32At(labels, k >> 2) * step));
}
