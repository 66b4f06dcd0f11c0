// Pascal VOC's mean average precision, with MMDetection's float32 rounding.

import { at } from '../util/at.ts';
import { boxOverlaps, rowCount, type BoxRows } from './boxOverlaps.ts';
import type { BboxResult } from './bboxResult.ts';
import { descendingOrder } from './cocoMatch.ts';

/** Ground truth of one image. */
export interface VocAnnotation {
  /** float32 [N, 4], xyxy, absolute px. */
  readonly bboxes: Float32Array;
  /** [N], class indices. */
  readonly labels: ArrayLike<number>;
  /** float32 [M, 4]: boxes whose detections count neither way (VOC's `difficult`). */
  readonly bboxesIgnore?: Float32Array;
  readonly labelsIgnore?: ArrayLike<number>;
}

export interface VocMapOptions {
  /** Default 0.5. */
  readonly iouThr?: number;
  /** `11points` is VOC 2007's way, `area` (the default) VOC 2010's. */
  readonly mode?: 'area' | '11points';
  /** Widths and heights count both edge pixels, as VOC's own kit does. Default false. */
  readonly useLegacyCoordinate?: boolean;
}

export interface VocClassResult {
  readonly numGts: number;
  readonly numDets: number;
  /** Cumulative recall [N] and precision [N] by falling score. */
  readonly recall: Float64Array;
  readonly precision: Float32Array;
  /** In [0, 1]. */
  readonly ap: number;
}

export interface VocMapResult {
  /** Mean over the classes that have ground truth, 0 when none has. */
  readonly meanAp: number;
  readonly perClass: readonly VocClassResult[];
}

const f = Math.fround;
const EPS = 1.1920928955078125e-7;

/**
 * Mean average precision over classes.
 * @param results per image, per class, float32 rows [x1, y1, x2, y2, score]
 * @param annotations per image
 * Source: mmdet 2.28.2 `eval_map` with `tpfp_default`, without scale ranges.
 */
export function vocEvalMap(
  results: readonly BboxResult[],
  annotations: readonly VocAnnotation[],
  options: VocMapOptions = {},
): VocMapResult {
  const classes = results[0]?.length ?? 0;
  const perClass = Array.from({ length: classes }, (_, label) =>
    evaluateClass(results, annotations, label, options),
  );
  const aps = perClass.filter((one) => one.numGts > 0).map((one) => one.ap);
  const sum = aps.reduce((total, ap) => f(total + ap), 0);
  return { meanAp: aps.length === 0 ? 0 : f(sum / aps.length), perClass };
}

function evaluateClass(
  results: readonly BboxResult[],
  annotations: readonly VocAnnotation[],
  label: number,
  { iouThr = 0.5, mode = 'area', useLegacyCoordinate = false }: VocMapOptions,
): VocClassResult {
  const scores: number[] = [];
  const outcomes: number[] = [];
  let numGts = 0;
  annotations.forEach((annotation, i) => {
    const gts = ofLabel(annotation.bboxes, annotation.labels, label);
    const ignored = ofLabel(
      annotation.bboxesIgnore ?? new Float32Array(0),
      annotation.labelsIgnore ?? [],
      label,
    );
    numGts += gts.length / 4;
    const data = at(at(results, i), label);
    for (let score = 4; score < data.length; score += 5) scores.push(at(data, score));
    const judged = judge({ data, stride: 5 }, gts, ignored, iouThr, useLegacyCoordinate ? 1 : 0);
    for (const outcome of judged) outcomes.push(outcome);
  });
  const order = descendingOrder(Float64Array.from(scores));
  const recall = new Float64Array(order.length);
  const precision = new Float32Array(order.length);
  let tp = 0;
  let fp = 0;
  order.forEach((detection, i) => {
    if (outcomes[detection] === 1) tp += 1;
    else if (outcomes[detection] === -1) fp += 1;
    recall[i] = tp / Math.max(numGts, EPS);
    precision[i] = tp / Math.max(tp + fp, EPS);
  });
  return {
    numGts,
    numDets: order.length,
    recall,
    precision,
    ap: averagePrecision(recall, precision, mode),
  };
}

/** Per detection in its order: 1 true positive, -1 false positive, 0 neither. */
function judge(
  detections: BoxRows,
  gts: Float32Array,
  ignored: Float32Array,
  iouThr: number,
  extra: 0 | 1,
): Int8Array {
  const count = rowCount(detections);
  const outcome = new Int8Array(count);
  const numGts = gts.length / 4;
  const all = new Float32Array(gts.length + ignored.length);
  all.set(gts);
  all.set(ignored, gts.length);
  const columns = all.length / 4;
  if (columns === 0) return outcome.fill(-1);
  const ious = boxOverlaps(detections, { data: all, stride: 4 }, extra);
  const covered = new Uint8Array(columns);
  const scores = Float64Array.from({ length: count }, (_, i) => at(detections.data, i * 5 + 4));
  for (const i of descendingOrder(scores)) {
    const row = ious.subarray(i * columns, (i + 1) * columns);
    let best = 0;
    for (let j = 1; j < columns; j++) if (at(row, j) > at(row, best)) best = j;
    if (!(at(row, best) >= iouThr)) outcome[i] = -1;
    else if (best < numGts) {
      outcome[i] = covered[best] ? -1 : 1;
      covered[best] = 1;
    }
  }
  return outcome;
}

/**
 * Area under a precision-recall curve.
 * Source: mmdet 2.28.2 `average_precision`; the result is rounded to float32 there too.
 */
export function averagePrecision(
  recall: Float64Array,
  precision: Float32Array,
  mode: 'area' | '11points',
): number {
  const n = recall.length;
  if (mode === '11points') {
    let sum = 0;
    for (let p = 0; p <= 10; p++) {
      let best = 0;
      recall.forEach((value, i) => {
        if (value >= p * 0.1) best = Math.max(best, at(precision, i));
      });
      sum = f(sum + best);
    }
    return f(sum / 11);
  }
  const envelope = new Float64Array(n + 2);
  envelope.set(precision, 1);
  for (let i = n; i >= 0; i--) envelope[i] = Math.max(at(envelope, i), at(envelope, i + 1));
  let area = 0;
  for (let i = 0; i <= n; i++) {
    const left = recall[i - 1] ?? 0;
    const right = recall[i] ?? 1;
    if (right !== left) area += (right - left) * at(envelope, i + 1);
  }
  return f(area);
}

function ofLabel(boxes: Float32Array, labels: ArrayLike<number>, label: number): Float32Array {
  const kept: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === label) kept.push(...boxes.subarray(i * 4, i * 4 + 4));
  }
  return Float32Array.from(kept);
}
