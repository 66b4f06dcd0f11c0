// Runs the LBFGS cases of optimizers.json: `step(closure)` on a function, with the arithmetic in float64 and float32
// and with a parameter on the GPU.

import { dispose, tensor } from '../../src/gpu/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import {
  dot,
  fusedMultiplyAdd,
  lbfgsStep,
  type Evaluation,
  type LBFGS,
  type LbfgsState,
  type Vector,
} from '../../src/optim/index.ts';
import { failed, passed, type ParityOutcome } from './types.ts';

interface Expected {
  readonly steps: readonly { x: number[]; returned_loss: number; closure_calls: number }[];
  /** Sorted. */
  readonly state_keys: readonly string[];
  readonly n_iter: number;
  readonly func_evals: number;
}
export interface LbfgsCase {
  readonly function: string;
  readonly x0: readonly number[];
  readonly float32: Expected;
  readonly float64: Expected;
}

/**
 * Relative to the largest value. LBFGS enlarges rounding from step to step (PyTorch itself is up to 1e-3 beside with another
 * BLAS), so this holds only with every operation rounded as PyTorch and OpenBLAS round it, the function's too.
 */
const TOLERANCE = { float32: 1e-6, float64: 1e-12 } as const;

type Dtype = 'float32' | 'float64';
type Evaluate = (x: Vector) => Evaluation;

/** @param build an LBFGS with the case's arguments for these parameters */
export async function runLbfgs(
  one: LbfgsCase,
  build: (parameters: Parameter[]) => LBFGS,
): Promise<ParityOutcome> {
  const evaluate = parseFunction(one.function);
  const parameter = new Parameter([one.x0.length]);
  try {
    const optimizer = build([parameter]);
    for (const dtype of ['float64', 'float32'] as const) {
      const difference = await compareWithTorch(one, optimizer, dtype, evaluate);
      if (difference) return difference;
    }
    // The GPU only holds the parameter: the same bits.
    const onGpu = await runOnGpu(one, optimizer, parameter, evaluate);
    const onCpu = await runPlain(one, optimizer, 'float32', evaluate);
    return JSON.stringify(onGpu) === JSON.stringify(onCpu)
      ? passed
      : failed(`GPU: got ${JSON.stringify(onGpu)}, wanted ${JSON.stringify(onCpu)}`);
  } finally {
    parameter.dispose();
  }
}

/** What a run gives, numbers that are compared with a tolerance apart from counts. */
interface Run {
  /** Per step. */
  readonly x: number[][];
  readonly loss: number[];
  readonly calls: number[];
  /** Sorted, as in the fixtures. */
  readonly stateKeys: string[];
  readonly iterations: number;
  readonly evaluations: number;
}

async function compareWithTorch(
  one: LbfgsCase,
  optimizer: LBFGS,
  dtype: Dtype,
  evaluate: Evaluate,
): Promise<ParityOutcome | undefined> {
  const wanted = one[dtype];
  const got = await runPlain(one, optimizer, dtype, evaluate);
  const check = (
    name: string,
    value: readonly number[],
    goal: readonly number[],
    scale = goal,
  ): string | undefined => {
    const allowed = TOLERANCE[dtype] * Math.max(...scale.map(Math.abs));
    return farthest(value, goal) <= allowed
      ? undefined
      : `${name}: got ${value.join()}, wanted ${goal.join()}`;
  };
  // At the minimum nothing is left of a loss but rounding: it is measured by what the run began with.
  const losses = wanted.steps.map((step) => step.returned_loss);
  for (const [i, step] of wanted.steps.entries()) {
    const problem =
      check('x', got.x[i] ?? [], step.x) ??
      check('loss', [got.loss[i] ?? NaN], [step.returned_loss], losses) ??
      check('closure calls', [got.calls[i] ?? NaN], [step.closure_calls]);
    if (problem) return failed(`${dtype} step ${i} ${problem}`);
  }
  const problem =
    check('n_iter', [got.iterations], [wanted.n_iter]) ??
    check('func_evals', [got.evaluations], [wanted.func_evals]);
  if (problem) return failed(`${dtype} ${problem}`);
  if (got.stateKeys.join() === wanted.state_keys.join()) return undefined;
  return failed(`${dtype} state: got ${got.stateKeys.join()}, wanted ${wanted.state_keys.join()}`);
}

function farthest(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))));
}

async function runPlain(one: LbfgsCase, optimizer: LBFGS, dtype: Dtype, evaluate: Evaluate): Promise<Run> {
  let x: Vector = dtype === 'float32' ? Float32Array.from(one.x0) : Float64Array.from(one.x0);
  const state: LbfgsState = { func_evals: 0, n_iter: 0 };
  return collect(
    one,
    async (count) => {
      const counted = (at: Vector): Promise<Evaluation> => {
        count();
        return Promise.resolve(evaluate(at));
      };
      const result = await lbfgsStep(x, counted, optimizer.options(), state);
      x = result.x;
      return result;
    },
    () => Promise.resolve(state),
  );
}

async function runOnGpu(
  one: LbfgsCase,
  optimizer: LBFGS,
  parameter: Parameter,
  evaluate: Evaluate,
): Promise<Run> {
  parameter.fromTorch(Float32Array.from(one.x0));
  return collect(
    one,
    async (count) => {
      const loss = await optimizer.step(async () => {
        count();
        const { loss: value, grad } = evaluate(await parameter.toTorch());
        if (parameter.grad) dispose(parameter.grad);
        parameter.grad = tensor(Float32Array.from(grad), [...parameter.shape]);
        return value;
      });
      return { x: await parameter.toTorch(), loss };
    },
    async () => {
      const [state] = (await optimizer.stateDict()).state.values();
      return Object.fromEntries(state ?? []);
    },
  );
}

async function collect(
  one: LbfgsCase,
  step: (count: () => void) => Promise<{ x: Vector; loss: number }>,
  readState: () => Promise<object>,
): Promise<Run> {
  const [xs, losses, calls]: [number[][], number[], number[]] = [[], [], []];
  let count = 0;
  while (calls.length < one.float64.steps.length) {
    const { x, loss } = await step(() => count++);
    xs.push([...x]);
    losses.push(loss);
    calls.push(count);
  }
  const state = (await readState()) as LbfgsState;
  const { n_iter: iterations, func_evals: evaluations } = state;
  return { x: xs, loss: losses, calls, stateKeys: Object.keys(state).sort(), iterations, evaluations };
}

type Round = (value: number) => number;
type RoundedFunction = (x: Vector, round: Round) => { loss: number; grad: number[] };

/** The function that a case names, with its gradient; at float32 points every operation rounds to float32. */
function parseFunction(text: string): Evaluate {
  const rounded = text.startsWith('rosenbrock') ? rosenbrock : quadratic(text);
  return (x) => {
    if (x instanceof Float32Array) {
      const { loss, grad } = rounded(x, Math.fround);
      return { loss, grad: Float32Array.from(grad) };
    }
    const { loss, grad } = rounded(x, (value) => value);
    return { loss, grad: Float64Array.from(grad) };
  };
}

function rosenbrock(x: Vector, r: Round): { loss: number; grad: number[] } {
  const grad = new Array<number>(x.length).fill(0);
  let loss = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const [now = NaN, next = NaN] = x.subarray(i);
    const [off, left] = [r(next - r(now * now)), r(1 - now)];
    loss = r(loss + r(r(100 * r(off * off)) + r(left * left)));
    const slope = r(200 * off);
    grad[i] = r((grad[i] ?? 0) + r(-2 * r(slope * now) - 2 * left));
    grad[i + 1] = slope;
  }
  return { loss, grad };
}

/** 0.5 x^T A x - b^T x, A symmetric, both written at the end of the case's text. */
function quadratic(text: string): RoundedFunction {
  const [, matrix, vector] = /A=(\[\[.*\]\]), *b=(\[.*\])/.exec(text) ?? [];
  if (!matrix || !vector) throw new Error(`unknown function ${text}`);
  const parse = (list: string): unknown => JSON.parse(list.replace(/(?<!\d)\./g, '0.'));
  const [a, b] = [parse(matrix) as number[][], parse(vector) as number[]];
  return (x, r) => {
    const vectorOf = (values: readonly number[]): Vector =>
      x instanceof Float32Array ? Float32Array.from(values) : Float64Array.from(values);
    // BLAS's product with a matrix rounds after each addition only.
    const ax = vectorOf(
      a.map((row) => row.reduce((sum, value, i) => r(fusedMultiplyAdd(r(value), x[i] ?? NaN, sum)), 0)),
    );
    const loss = r(r(0.5 * dot(ax, x)) - dot(vectorOf(b), x));
    // The gradient of x^T A x comes to it from both sides.
    return { loss, grad: b.map((value, i) => r(r(-value + 0.5 * (ax[i] ?? NaN)) + 0.5 * (ax[i] ?? NaN))) };
  };
}
