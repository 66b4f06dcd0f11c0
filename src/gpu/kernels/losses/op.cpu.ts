// References of the fused losses, in float64: per element, per row or per box.
import type { IouMode } from './boxSources.wgsl.ts';
import { at as itemAt } from '../../../util/at.ts';

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

type Values = ArrayLike<number>;

/** labels [N] with K for background; weights one per element. */
export function focalCpu(
  logits: Values,
  labels: Values,
  weights: Values,
  { gamma, alpha }: { gamma: number; alpha: number },
): Float64Array {
  const k = logits.length / labels.length;
  return Float64Array.from(logits, (x, i) => {
    const t = labels[Math.floor(i / k)] === i % k ? 1 : 0;
    const p = 1 / (1 + Math.exp(-x));
    const wrong = (1 - p) * t + p * (1 - t);
    return (alpha * t + (1 - alpha) * (1 - t)) * wrong ** gamma * (softplus(x) - x * t) * itemAt(weights, i);
  });
}

export function smoothL1Cpu(pred: Values, target: Values, weight: Values, beta: number): Float64Array {
  return Float64Array.from(pred, (p, i) => {
    const d = Math.abs(p - itemAt(target, i));
    return itemAt(weight, i) * (d < beta ? (0.5 * d * d) / beta : d - 0.5 * beta);
  });
}

/** -(pos_weight t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))); weights one per element, posWeight [K]. */
export function bceCpu(logits: Values, targets: Values, weights: Values, posWeight: Values): Float64Array {
  return Float64Array.from(logits, (x, i) => {
    const p = itemAt(posWeight, i % posWeight.length);
    return (
      itemAt(weights, i) * (p * itemAt(targets, i) * softplus(-x) + (1 - itemAt(targets, i)) * softplus(x))
    );
  });
}

/** -log softmax(x)[label] per row; weights [N], classWeight [K]. */
export function crossEntropyCpu(
  logits: Values,
  labels: Values,
  weights: Values,
  classWeight: Values,
  ignoreIndex: number,
): Float64Array {
  const k = classWeight.length;
  return Float64Array.from(labels, (label, row) => {
    if (label === ignoreIndex) return 0;
    const x = Array.from({ length: k }, (_, c) => itemAt(logits, row * k + c));
    const total = Math.log(x.reduce((sum, v) => sum + Math.exp(v), 0));
    return itemAt(weights, row) * itemAt(classWeight, label) * (total - itemAt(x, label));
  });
}

/** labels [N] with K for background, quality [N]; weights one per element. */
export function qualityFocalCpu(
  logits: Values,
  labels: Values,
  quality: Values,
  weights: Values,
  beta: number,
): Float64Array {
  const k = logits.length / labels.length;
  return Float64Array.from(logits, (x, i) => {
    const row = Math.floor(i / k);
    const t = labels[row] === i % k ? itemAt(quality, row) : 0;
    const p = 1 / (1 + Math.exp(-x));
    return Math.abs(t - p) ** beta * (softplus(x) - x * t) * itemAt(weights, i);
  });
}

/** goal and weights [N]. */
export function distributionFocalCpu(logits: Values, goal: Values, weights: Values): Float64Array {
  const k = logits.length / goal.length;
  return Float64Array.from(goal, (place, row) => {
    const x = Array.from({ length: k }, (_, c) => itemAt(logits, row * k + c));
    const total = Math.log(x.reduce((sum, v) => sum + Math.exp(v), 0));
    const low = Math.floor(place);
    const high = Math.min(low + 1, k - 1);
    const loss = (low + 1 - place) * (total - itemAt(x, low)) + (place - low) * (total - itemAt(x, high));
    return itemAt(weights, row) * loss;
  });
}

/** Overlap of box i with box i (xyxy). */
function overlapCpu(
  a: Values,
  b: Values,
  i: number,
  eps: number,
): { iou: number; union: number; hull: number } {
  const at = (v: Values, k: number): number => itemAt(v, i * 4 + k);
  const side = (low: number, high: number): number => Math.max(high - low, 0);
  const sides = [0, 1].map((k) => ({
    inner: side(Math.max(at(a, k), at(b, k)), Math.min(at(a, k + 2), at(b, k + 2))),
    outer: side(Math.min(at(a, k), at(b, k)), Math.max(at(a, k + 2), at(b, k + 2))),
  }));
  const area = (v: Values): number => (at(v, 2) - at(v, 0)) * (at(v, 3) - at(v, 1));
  const inter = itemAt(sides, 0).inner * itemAt(sides, 1).inner;
  const union = Math.max(area(a) + area(b) - inter, eps);
  return { iou: inter / union, union, hull: Math.max(itemAt(sides, 0).outer * itemAt(sides, 1).outer, eps) };
}

/** weights [N]. */
export function iouCpu(
  pred: Values,
  target: Values,
  weights: Values,
  mode: IouMode,
  eps: number,
): Float64Array {
  return Float64Array.from(weights, (w, i) => {
    const iou = Math.max(overlapCpu(pred, target, i, 1e-6).iou, eps);
    if (mode === 'log') return -Math.log(iou) * w;
    return (1 - (mode === 'linear' ? iou : iou * iou)) * w;
  });
}

/** weights [N]. */
export function giouCpu(pred: Values, target: Values, weights: Values, eps: number): Float64Array {
  return Float64Array.from(weights, (w, i) => {
    const { iou, union, hull } = overlapCpu(pred, target, i, eps);
    return (1 - (iou - (hull - union) / hull)) * w;
  });
}
