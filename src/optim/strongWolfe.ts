// Line search along a direction, for LBFGS.
// Source: torch 1.13 `optim/lbfgs.py`; Nocedal & Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.

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
  readonly slope: number;
}

/** Sufficient decrease, and how much flatter the slope must become. */
const [C1, C2] = [1e-4, 0.9];
const MAX_ITERATIONS = 25;

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
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
 * @param tolerance smallest change of a parameter that still counts
 */
export async function strongWolfe(
  at: (t: number) => Promise<Evaluation>,
  t: number,
  direction: Vector,
  start: Evaluation,
  tolerance = 1e-9,
): Promise<LineSearchResult> {
  let evaluations = 0;
  const probe = async (distance: number): Promise<Point> => {
    evaluations++;
    const { loss, grad } = await at(distance);
    return { t: distance, loss, grad, slope: dot(grad, direction) };
  };
  const { loss, grad } = start;
  const origin: Point = { t: 0, loss, grad, slope: dot(grad, direction) };
  const isTooHigh = (point: Point): boolean => point.loss > origin.loss + C1 * point.t * origin.slope;
  const isFlat = (point: Point): boolean => Math.abs(point.slope) <= -C2 * origin.slope;
  const done = (point: Point): LineSearchResult => ({ ...point, evaluations });

  // Widen until the interval between the last two points holds a good one.
  let previous = origin;
  let current = await probe(t);
  let iteration = 0;
  for (; iteration < MAX_ITERATIONS; iteration++) {
    if (isTooHigh(current) || (iteration > 1 && current.loss >= previous.loss)) break;
    if (isFlat(current)) return done(current);
    if (current.slope >= 0) break;
    const next = cubicMinimum(previous, current, current.t + 0.01 * (current.t - previous.t), current.t * 10);
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
    const left = Math.min(bracket[0].t, bracket[1].t);
    const right = Math.max(bracket[0].t, bracket[1].t);
    if ((right - left) * reach < tolerance) break;
    let next = cubicMinimum(bracket[0], bracket[1], left, right);
    const margin = 0.1 * (right - left);
    const isNearEnd = Math.min(right - next, next - left) < margin;
    if (isNearEnd && (hadLittleProgress || next >= right || next <= left)) {
      // Near an end twice in a row, or on it: move away from that end.
      next = Math.abs(next - right) < Math.abs(next - left) ? right - margin : left + margin;
      hadLittleProgress = false;
    } else hadLittleProgress = isNearEnd;

    const point = await probe(next);
    const [lowPoint, highPoint] = [bracket[low], bracket[1 - low]];
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

/** Where the cubic through two points with their slopes is lowest within [from, to]; the middle if nowhere. */
function cubicMinimum(a: Point, b: Point, from: number, to: number): number {
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const square = d1 ** 2 - a.slope * b.slope;
  if (!(square >= 0)) return (from + to) / 2;
  const d2 = Math.sqrt(square);
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const part = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  return Math.min(Math.max(right.t - (right.t - left.t) * part, from), to);
}
