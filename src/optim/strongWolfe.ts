// Line search along a direction, for LBFGS.
// Source: torch 1.13 `optim/lbfgs.py`; Nocedal & Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.

import { fusedMultiplyAdd } from './fusedMultiplyAdd.ts';
import { at } from '../util/at.ts';

/** Values of the parameters' kind, flat. */
export type Vector = Float32Array | Float64Array;

/** The loss at a point and its gradient. */
export interface Evaluation {
  readonly loss: number;
  readonly grad: Vector;
}

export interface LineSearchResult extends Evaluation {
  /** How far along the direction. */
  readonly t: number;
  /** How often the loss was computed. */
  readonly evaluations: number;
}

/** A point on the line: how far, its loss, gradient, and the slope along the direction. */
interface Point extends Evaluation {
  readonly t: number;
  /** True when PyTorch holds `t` as a tensor of the vectors' kind, not as a Python float: its sums are rounded to it. */
  readonly isTensor: boolean;
  readonly slope: number;
}

/** A distance, as in {@link Point}. */
type Distance = Pick<Point, 't' | 'isTensor'>;
type Round = (value: number) => number;

/** Sufficient decrease, and how much flatter the slope must become. */
const [C1, C2] = [1e-4, 0.9];
const MAX_ITERATIONS = 25;

/**
 * Added up in order with the roundings of the BLAS behind PyTorch: of float32 vectors each product is rounded and the sum
 * is float64, of float64 vectors each product is added without being rounded first.
 * Source: OpenBLAS `kernel/x86_64/sdot.c` and `ddot.c`, compiled with fused multiply-add.
 */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  if (a instanceof Float32Array) {
    for (let i = 0; i < a.length; i++) sum += Math.fround(at(a, i) * at(b, i));
    return Math.fround(sum);
  }
  for (let i = 0; i < a.length; i++) sum = fusedMultiplyAdd(at(a, i), at(b, i), sum);
  return sum;
}

/** Rounds a number to the kind of the vector's. */
export function roundingOf(a: Vector): (value: number) => number {
  return a instanceof Float32Array ? Math.fround : (value) => value;
}

/** Largest absolute value; NaN if there is one. */
export function largest(a: Vector): number {
  let max = 0;
  for (const value of a) max = Math.max(max, Math.abs(value));
  return max;
}

/**
 * Find a step that meets the strong Wolfe conditions, or the best one of 25 tries.
 * @param at the loss and its gradient at a distance along `direction`
 * @param t first guess
 * @param start loss and gradient at distance 0
 * @param isFirstTensor see {@link Point}
 * @param tolerance smallest change of a parameter that still counts
 */
export async function strongWolfe(
  at: (t: number) => Promise<Evaluation>,
  t: number,
  direction: Vector,
  start: Evaluation,
  isFirstTensor = false,
  tolerance = 1e-9,
): Promise<LineSearchResult> {
  let evaluations = 0;
  const round = roundingOf(direction);
  const probe = async (distance: Distance): Promise<Point> => {
    evaluations++;
    const { loss, grad } = await at(distance.t);
    return { ...distance, loss, grad, slope: dot(grad, direction) };
  };
  const { loss, grad } = start;
  const origin: Point = { t: 0, isTensor: false, loss, grad, slope: dot(grad, direction) };
  const isTooHigh = (point: Point): boolean =>
    point.loss >
    round(origin.loss + round(round((point.isTensor ? round(C1) : C1) * point.t) * origin.slope));
  const isFlat = (point: Point): boolean => Math.abs(point.slope) <= round(round(-C2) * origin.slope);
  const done = (point: Point): LineSearchResult => ({ ...point, evaluations });

  // Widen until the interval between the last two points holds a good one.
  let previous = origin;
  let current = await probe({ t, isTensor: isFirstTensor });
  let iteration = 0;
  for (; iteration < MAX_ITERATIONS; iteration++) {
    if (isTooHigh(current) || (iteration > 1 && current.loss >= previous.loss)) break;
    if (isFlat(current)) return done(current);
    if (current.slope >= 0) break;
    const within = current.isTensor ? round : (value: number): number => value;
    const least = within(current.t + within(within(0.01) * within(current.t - previous.t)));
    const bounds = [least, within(current.t * 10)] as const;
    const next = cubicMinimum(previous, current, bounds, [current.isTensor, current.isTensor], round);
    previous = current;
    current = await probe(next);
  }
  if (iteration === MAX_ITERATIONS) previous = origin;

  // Narrow it; `low` is the end with the lower loss.
  let bracket: [Point, Point] = [previous, current];
  const lower = (): 0 | 1 => (bracket[0].loss <= bracket[1].loss ? 0 : 1);
  let low = lower();
  const reach = largest(direction);
  let hadLittleProgress = false;
  for (; iteration < MAX_ITERATIONS; iteration++) {
    const [low0, high0] = bracket[0].t <= bracket[1].t ? bracket : [bracket[1], bracket[0]];
    const [left, right] = [low0.t, high0.t];
    const isTensor = low0.isTensor || high0.isTensor;
    const within = isTensor ? round : (value: number): number => value;
    if (within(within(right) - within(left)) * reach < tolerance) break;
    let next = cubicMinimum(bracket[0], bracket[1], [left, right], [low0.isTensor, high0.isTensor], round);
    const margin = within(within(0.1) * within(within(right) - within(left)));
    const isNearEnd = Math.min(within(right - next.t), within(next.t - left)) < margin;
    if (isNearEnd && (hadLittleProgress || next.t >= right || next.t <= left)) {
      // Near an end twice in a row, or on it: move away from that end.
      const isRight = Math.abs(next.t - right) < Math.abs(next.t - left);
      next = { t: within(isRight ? within(right) - margin : within(left) + margin), isTensor };
      hadLittleProgress = false;
    } else hadLittleProgress = isNearEnd;

    const point = await probe(next);
    const [lowPoint, highPoint] = [bracket[low], bracket[low === 0 ? 1 : 0]];
    if (isTooHigh(point) || point.loss >= lowPoint.loss) {
      bracket = low === 0 ? [lowPoint, point] : [point, lowPoint];
      low = lower();
    } else {
      if (isFlat(point)) return done(point);
      const high = point.slope * (highPoint.t - lowPoint.t) >= 0 ? lowPoint : highPoint;
      bracket = low === 0 ? [point, high] : [high, point];
    }
  }
  return done(bracket[low]);
}

/**
 * Where the cubic through two points with their slopes is lowest within the bounds; the middle if nowhere.
 * @param areTensors of the bounds
 */
function cubicMinimum(
  a: Point,
  b: Point,
  [from, to]: readonly [number, number],
  areTensors: readonly [boolean, boolean],
  round: Round,
): Distance {
  const within = a.isTensor || b.isTensor ? round : (value: number): number => value;
  const slope = within(within(3 * (a.loss - b.loss)) / within(within(a.t) - within(b.t)));
  const d1 = round(round(a.slope + b.slope) - round(slope));
  const square = round(round(d1 * d1) - round(a.slope * b.slope));
  const areBoth = areTensors[0] || areTensors[1];
  if (!(square >= 0))
    return { t: areBoth ? round((round(from) + round(to)) / 2) : (from + to) / 2, isTensor: areBoth };
  const d2 = round(Math.sqrt(square));
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const top = round(round(right.slope + d2) - d1);
  const part = round(top / round(round(right.slope - left.slope) + round(2 * d2)));
  const t = round(round(right.t) - round(round(within(within(right.t) - within(left.t))) * part));
  if (t < from) return { t: from, isTensor: areTensors[0] };
  return t > to ? { t: to, isTensor: areTensors[1] } : { t, isTensor: true };
}
