// The arithmetic of LBFGS on flat vectors, apart from where parameters and gradients live.

import { fusedMultiplyAdd } from './fusedMultiplyAdd.ts';
import { dot, largest, roundingOf, strongWolfe, type Evaluation, type Vector } from './strongWolfe.ts';
import { at as itemAt } from '../util/at.ts';

export interface LbfgsOptions {
  readonly lr: number;
  readonly maxIter: number;
  readonly maxEval: number;
  readonly toleranceGrad: number;
  readonly toleranceChange: number;
  readonly historySize: number;
  readonly useStrongWolfe: boolean;
}

/** What is kept between steps, by PyTorch's keys and in the order in which they appear. */
export interface LbfgsState {
  func_evals: number;
  n_iter: number;
  /** Factors of the two loops, `history_size` of them; null where not used yet. */
  al?: (number | null)[];
  /** Direction and step size of the last iteration. */
  d?: Vector;
  t?: number;
  /** Changes of the gradient and of the parameters, oldest first, and 1 / their product. */
  old_dirs?: Vector[];
  old_stps?: Vector[];
  ro?: number[];
  H_diag?: number;
  prev_flat_grad?: Vector;
  prev_loss?: number;
}

/** The smallest curvature that is remembered. */
const MIN_CURVATURE = 1e-10;

/**
 * One `step(closure)`: up to `maxIter` iterations of d = -H g, by the two-loop recursion over the history, and x += t d.
 * @param start the parameters; borrowed
 * @param evaluate loss and gradient for parameters
 * @param state changed in place
 * @returns the new parameters and the loss at the start
 * Source: torch 1.13 `optim/lbfgs.py`; Nocedal, "Updating quasi-Newton matrices with limited storage", 1980.
 */
export async function lbfgsStep(
  start: Vector,
  evaluate: (x: Vector) => Promise<Evaluation>,
  options: LbfgsOptions,
  state: LbfgsState,
): Promise<{ x: Vector; loss: number }> {
  const { lr, maxIter, maxEval, toleranceGrad, toleranceChange } = options;
  let x = start;
  const first = await evaluate(x);
  let current = first;
  let evaluations = 1;
  state.func_evals++;
  if (largest(current.grad) <= toleranceGrad) return { x, loss: first.loss };

  let { d = x, t = 0, H_diag: scale = 1, prev_flat_grad: lastGrad = x, prev_loss: lastLoss = 0 } = state;
  const history: History = {
    y: state.old_dirs ?? [],
    s: state.old_stps ?? [],
    ro: state.ro ?? [],
    round: roundingOf(x),
  };
  for (let n = 1; n <= maxIter; n++) {
    state.n_iter++;
    const { grad } = current;
    if (state.n_iter === 1) {
      d = grad.map((g) => -g);
    } else {
      scale = remember(history, options.historySize, plus(grad, lastGrad, -1), times(d, t)) ?? scale;
      state.al ??= new Array<number | null>(options.historySize).fill(null);
      d = twoLoops(grad, history, scale, state.al);
    }
    const { round } = history;
    t = state.n_iter === 1 ? round(Math.min(1, round(1 / absoluteSum(grad))) * round(lr)) : lr;
    lastGrad = grad;
    lastLoss = current.loss;
    if (dot(grad, d) > -toleranceChange) break;

    const [from, direction] = [x, d];
    const at = (distance: number): Vector => plus(from, direction, distance);
    let used = 0;
    if (options.useStrongWolfe) {
      const found = await strongWolfe(
        async (distance) => evaluate(at(distance)),
        t,
        direction,
        current,
        state.n_iter === 1 && t !== lr,
      );
      ({ t, evaluations: used } = found);
      current = found;
      x = at(t);
    } else {
      x = at(t);
      // After the last iteration nothing would look at it.
      if (n !== maxIter) {
        current = await evaluate(x);
        used = 1;
      }
    }
    evaluations += used;
    state.func_evals += used;
    if (
      evaluations >= maxEval ||
      largest(current.grad) <= toleranceGrad ||
      largest(times(d, t)) <= toleranceChange ||
      Math.abs(current.loss - lastLoss) < toleranceChange
    )
      break;
  }
  Object.assign(state, {
    d,
    t,
    old_dirs: history.y,
    old_stps: history.s,
    ro: history.ro,
    H_diag: scale,
    prev_flat_grad: lastGrad,
    prev_loss: lastLoss,
  } satisfies Partial<LbfgsState>);
  return { x, loss: first.loss };
}

interface History {
  readonly y: Vector[];
  readonly s: Vector[];
  readonly ro: number[];
  /** Numbers are of the vectors' kind, so that saving them loses nothing. */
  readonly round: (value: number) => number;
}

/** Add the last iteration's changes of the gradient and the parameters; returns the new scale of H, if there is one. */
function remember(history: History, size: number, y: Vector, s: Vector): number | undefined {
  const curvature = dot(y, s);
  if (!(curvature > MIN_CURVATURE)) return undefined;
  if (history.y.length === size) {
    history.y.shift();
    history.s.shift();
    history.ro.shift();
  }
  history.y.push(y);
  history.s.push(s);
  history.ro.push(history.round(1 / curvature));
  return history.round(curvature / dot(y, y));
}

/** -H grad */
function twoLoops(grad: Vector, { y, s, ro, round }: History, scale: number, al: (number | null)[]): Vector {
  let q = times(grad, -1);
  for (let i = y.length - 1; i >= 0; i--) {
    const factor = round(dot(itemAt(s, i), q) * itemAt(ro, i));
    al[i] = factor;
    q = plus(q, itemAt(y, i), -factor);
  }
  let r = times(q, scale);
  for (let i = 0; i < y.length; i++) {
    r = plus(r, itemAt(s, i), round((al[i] ?? 0) - round(dot(itemAt(y, i), r) * itemAt(ro, i))));
  }
  return r;
}

function absoluteSum(a: Vector): number {
  const round = roundingOf(a);
  let sum = 0;
  for (const value of a) sum = round(sum + Math.abs(value));
  return sum;
}

function times(a: Vector, factor: number): Vector {
  const rounded = roundingOf(a)(factor);
  return a.map((value) => value * rounded);
}

/** a + factor b, rounded once. */
function plus(a: Vector, b: Vector, factor: number): Vector {
  // A float32 product is exact in float64; one of float64 isn't.
  if (a instanceof Float32Array) {
    const rounded = Math.fround(factor);
    return a.map((value, i) => value + rounded * itemAt(b, i));
  }
  return a.map((value, i) => fusedMultiplyAdd(factor, itemAt(b, i), value));
}
