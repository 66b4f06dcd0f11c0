// Runs optimizers.json: the specification in float64 and float32, and the GPU in float32.

import { ConfigError } from '../../src/errors/trainerError.ts';
import { tensor } from '../../src/gpu/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import {
  ElementwiseOptimizer,
  isStateTensor,
  LBFGS,
  Optimizer,
  parameterIndices,
  referenceStep,
  type OptimizerStateDict,
  type ReferenceState,
} from '../../src/optim/index.ts';
import {
  BuildContext,
  buildFromCfg,
  createRunRegistries,
  type RunServices,
} from '../../src/registry/index.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { runLbfgs, type LbfgsCase } from './optimizersLbfgs.ts';
import { failed, notBuilt, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/**
 * Relative to the largest value that a tensor has held so far: one that passes near zero keeps the rounding errors of its
 * values before. float32 values that are farther from PyTorch's float32 must be no farther from its float64 than
 * PyTorch's float32 is.
 */
const TOLERANCE = { float32: 1e-6, float64: 1e-12 } as const;

export const suite: ParitySuite = {
  files: ['optimizers.json'],
  needsGpu: true,
  run: (fixture, file) => {
    const inputs = fixture.inputs as Inputs;
    return runCases(fixture, file, (one) => runCase(one as OptimizerCase, inputs));
  },
};

interface Inputs {
  readonly shapes: readonly number[][];
  readonly init: readonly number[][];
  /** [step][tensor] */
  readonly grads: readonly number[][][];
}
interface Expected {
  readonly params_after_step: readonly number[][][];
  readonly state_dict_after_10?: unknown;
  readonly state_dict_final?: unknown;
}
/** SparseAdam's cases: one tensor, of whose gradient a few rows are given; a row that is given twice is the sum. */
interface SparseCase {
  readonly init: readonly number[][];
  readonly sparse_grads: readonly { row_indices: number[]; row_values: number[][] }[];
  readonly float32: { params_after_step: number[][] };
  readonly float64: { params_after_step: number[][] };
}
interface OptimizerCase extends FixtureCase {
  readonly optimizer: string;
  readonly kwargs: Record<string, unknown>;
  readonly param_groups: readonly { params: number[] }[];
  readonly grad_is_none?: readonly [number, number][];
  readonly float32?: Expected;
  readonly float64?: Expected;
  readonly error?: { type: string };
}

/** What a Python exception is with us. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  ValueError: ['bad-value', 'missing-argument', 'duplicate-parameter', 'no-parameters'],
  TypeError: ['unknown-argument', 'bad-type', 'missing-closure'],
};

async function runCase(one: OptimizerCase, inputs: Inputs): Promise<ParityOutcome> {
  if (!createRunRegistries().OPTIMIZERS.has(one.optimizer)) return notBuilt(one.optimizer);
  if (one.error) return refuses(one, inputs);
  if ('x0' in one) return runLbfgs(one as unknown as LbfgsCase, (parameters) => buildLbfgs(one, parameters));
  if ('sparse_grads' in one) return runSparse(one, one as unknown as SparseCase);
  return runDense(one, inputs);
}

async function runDense(one: OptimizerCase, inputs: Inputs): Promise<ParityOutcome> {
  const { float32, float64 } = one;
  if (!float32 || !float64) return failed('the case lacks float32 or float64 values');
  const held = heldValues(one, inputs);
  const single: Goal = { wanted: float32, exact: float64, held };
  return (
    runReference(one, inputs, 'float64', { wanted: float64, exact: float64, held }) ??
    runReference(one, inputs, 'float32', single) ??
    (await runGpu(one, inputs, single)) ??
    passed
  );
}

async function runSparse(one: OptimizerCase, sparse: SparseCase): Promise<ParityOutcome> {
  const [rows, columns] = [sparse.init.length, sparse.init[0]?.length ?? 0];
  const grads = sparse.sparse_grads.map(({ row_indices: indices, row_values: values }) => {
    const dense = new Array<number>(rows * columns).fill(0);
    for (const [i, row] of indices.entries())
      for (const [c, value] of (values[i] ?? []).entries()) {
        const at = row * columns + c;
        dense[at] = (dense[at] ?? 0) + value;
      }
    return [dense];
  });
  const inputs: Inputs = { shapes: [[rows, columns]], init: [sparse.init.flat()], grads };
  const expected = (steps: number[][]): Expected => ({ params_after_step: steps.map((values) => [values]) });
  const dense: OptimizerCase = {
    ...one,
    param_groups: [{ params: [0] }],
    float32: expected(sparse.float32.params_after_step),
    float64: expected(sparse.float64.params_after_step),
  };
  return runDense(dense, inputs);
}

function refuses(one: OptimizerCase, inputs: Inputs): ParityOutcome {
  try {
    // The fixtures' cases also took a step.
    buildAny(one, makeParameters(inputs)).step();
  } catch (error) {
    if (error instanceof ConfigError && CODES[one.error?.type ?? '']?.includes(error.code)) return passed;
    throw error;
  }
  return failed(`must raise ${JSON.stringify(one.error)}`);
}

function makeParameters(inputs: Inputs): Parameter[] {
  return inputs.shapes.map((shape, i) => {
    const parameter = new Parameter(shape);
    parameter.fromTorch(Float32Array.from(inputs.init[i] ?? []));
    return parameter;
  });
}

function build(one: OptimizerCase, parameters: readonly Parameter[]): ElementwiseOptimizer {
  const optimizer = buildAny(one, parameters);
  if (optimizer instanceof ElementwiseOptimizer) return optimizer;
  throw new Error(`internal: ${one.optimizer} has no elementwise rule`);
}

function buildLbfgs(one: OptimizerCase, parameters: readonly Parameter[]): LBFGS {
  const optimizer = buildAny({ ...one, param_groups: [{ params: [0] }] }, parameters);
  if (optimizer instanceof LBFGS) return optimizer;
  throw new Error(`internal: ${one.optimizer} is not LBFGS`);
}

function buildAny(one: OptimizerCase, parameters: readonly Parameter[]): Optimizer {
  const services: RunServices = {
    // Building an optimizer touches no files.
    fs: {} as RunServices['fs'],
    decodeImage: () => Promise.reject(new Error('internal: no pictures here')),
    seed: 0,
    warn: () => undefined,
  };
  const context = new BuildContext(createRunRegistries(), services);
  const params = one.param_groups.map((group) => ({
    ...(decodeValue(group) as Record<string, unknown>),
    params: group.params.map((i) => parameters[i]),
  }));
  const cfg = { type: one.optimizer, ...(decodeValue(one.kwargs) as Record<string, unknown>) };
  const optimizer = buildFromCfg(cfg, context.registries.OPTIMIZERS, {
    path: 'optimizer',
    context,
    defaultArgs: { params },
  });
  if (optimizer instanceof Optimizer) return optimizer;
  throw new Error(`internal: ${one.optimizer} is not an optimizer`);
}

function isNone(one: OptimizerCase, step: number, index: number): boolean {
  return (one.grad_is_none ?? []).some(([s, t]) => s === step && t === index);
}

/** What a run must give, and what it would give with exact arithmetic. */
interface Goal {
  readonly wanted: Expected;
  readonly exact: Expected;
  readonly held: readonly HeldValues[];
}

/** The largest absolute value that each tensor has held up to a step. */
interface HeldValues {
  readonly parameters: readonly number[];
  /** In the order of the state dict. */
  readonly state: readonly number[];
}

/** By step, of the specification in float64. */
function heldValues(one: OptimizerCase, inputs: Inputs): HeldValues[] {
  let held: HeldValues = { parameters: inputs.init.map(largest), state: [] };
  const grow = (before: readonly number[], tensors: readonly (readonly number[])[]): number[] =>
    tensors.map((values, i) => Math.max(before[i] ?? 0, largest(values)));
  return [...referenceSteps(one, inputs, 'float64')].map(({ got, state }) => {
    const { tensors } = splitTensors(state);
    held = { parameters: grow(held.parameters, got), state: grow(held.state, tensors) };
    return held;
  });
}

function runReference(
  one: OptimizerCase,
  inputs: Inputs,
  dtype: 'float32' | 'float64',
  goal: Goal,
): ParityOutcome | undefined {
  for (const result of referenceSteps(one, inputs, dtype)) {
    const difference = diffStep(`${dtype} step ${result.step}`, result, goal, TOLERANCE[dtype]);
    if (difference) return difference;
  }
  return undefined;
}

function* referenceSteps(
  one: OptimizerCase,
  inputs: Inputs,
  dtype: 'float32' | 'float64',
): Generator<StepResult> {
  const Floats = dtype === 'float32' ? Float32Array : Float64Array;
  const parameters = makeParameters(inputs);
  const optimizer = build(one, parameters);
  const values = new Map(parameters.map((p, i) => [p, Floats.from(inputs.init[i] ?? [])]));
  const states = new Map<Parameter, ReferenceState>();
  for (let step = 0; step < inputs.grads.length; step++) {
    const grads = new Map(
      parameters.map((p, i) => [p, isNone(one, step, i) ? null : Floats.from(inputs.grads[step]?.[i] ?? [])]),
    );
    referenceStep(optimizer, values, grads, states);
    const got = parameters.map((p) => Array.from(values.get(p) ?? []));
    yield { step, got, state: referenceState(optimizer, states, dtype) };
  }
}

async function runGpu(one: OptimizerCase, inputs: Inputs, goal: Goal): Promise<ParityOutcome | undefined> {
  const parameters = makeParameters(inputs);
  const optimizer = build(one, parameters);
  try {
    // Readbacks are queued with the steps and awaited together: waiting for each would take minutes.
    const steps = inputs.grads.map(async (grads, step): Promise<StepResult> => {
      parameters.forEach((p, i) => {
        p.grad = isNone(one, step, i) ? null : tensor(Float32Array.from(grads[i] ?? []), [...p.shape]);
      });
      optimizer.step();
      optimizer.zeroGrad();
      const [state, ...got] = await Promise.all([
        stateAt(step, goal.wanted) ? optimizer.stateDict() : undefined,
        ...parameters.map(async (p) => Array.from(await p.toTorch())),
      ]);
      return { step, got, state: state && plainState(state) };
    });
    for (const result of await Promise.all(steps)) {
      const difference = diffStep(`GPU step ${result.step}`, result, goal, TOLERANCE.float32);
      if (difference) return difference;
    }
    return undefined;
  } finally {
    optimizer.dispose();
    for (const parameter of parameters) parameter.dispose();
  }
}

interface StepResult {
  readonly step: number;
  readonly got: readonly (readonly number[])[];
  readonly state: unknown;
}

function diffStep(
  where: string,
  { step, got, state }: StepResult,
  { wanted, exact, held }: Goal,
  tolerance: number,
): ParityOutcome | undefined {
  const allowed = (values: readonly number[]): number[] => values.map((value) => tolerance * value);
  const now = wanted.params_after_step[step] ?? [];
  const ideal = exact.params_after_step[step] ?? [];
  const largestSoFar = held[step] ?? { parameters: [], state: [] };
  const wantedState = stateAt(step, wanted);
  return (
    diffTensors(where, got, now, ideal, allowed(largestSoFar.parameters)) ??
    (wantedState === undefined
      ? undefined
      : diffState(`${where} state`, state, wantedState, stateAt(step, exact), allowed(largestSoFar.state)))
  );
}

/** The state dict that the fixture has for after this step. */
function stateAt(step: number, wanted: Expected): unknown {
  if (step === 9) return wanted.state_dict_after_10;
  return step === wanted.params_after_step.length - 1 ? wanted.state_dict_final : undefined;
}

/** A state dict with tensors as the fixtures write them. */
function plainState({ state, param_groups }: OptimizerStateDict): unknown {
  const entries = [...state].map(([index, values]) => [
    String(index),
    Object.fromEntries(
      [...values].map(([key, value]) => {
        if (!isStateTensor(value)) return [key, value];
        const { shape, dtype, data } = value;
        return [key, { __tensor__: { shape, dtype, data: Array.from(data as ArrayLike<number>) } }];
      }),
    ) as unknown,
  ]);
  return { state: Object.fromEntries(entries) as unknown, param_groups };
}

function referenceState(
  optimizer: ElementwiseOptimizer,
  states: ReadonlyMap<Parameter, ReferenceState>,
  dtype: string,
): unknown {
  const indices = parameterIndices(optimizer.paramGroups);
  const state: Record<string, Record<string, unknown>> = {};
  for (const [param, values] of states) {
    const entries: Record<string, unknown> = {};
    for (const [key, value] of values) {
      if (value === null) entries[key] = null;
      else if (typeof value === 'number') {
        entries[key] = optimizer.scalarTensors.includes(key)
          ? { __tensor__: { shape: [], dtype: 'float32', data: [value] } }
          : value;
      } else entries[key] = { __tensor__: { shape: param.shape, dtype, data: Array.from(value) } };
    }
    state[String(indices.get(param))] = entries;
  }
  const groups = optimizer.paramGroups.map(({ params, ...options }) => ({
    ...options,
    params: params.map((param) => indices.get(param)),
  }));
  return { state, param_groups: groups };
}

/** Largest distance of two tensors' values. */
function distance(a: readonly number[], b: readonly number[]): number {
  // Of a NaN beside a number it is NaN, which no bound allows.
  return Math.max(0, ...a.map((value, i) => (Object.is(value, b[i]) ? 0 : Math.abs(value - (b[i] ?? NaN)))));
}

const largest = (values: readonly number[]): number => Math.max(0, ...values.map(Math.abs));

/** Compare tensors. @param allowed distance of each */
function diffTensors(
  where: string,
  got: readonly (readonly number[])[],
  wanted: readonly (readonly number[])[],
  exact: readonly (readonly number[])[],
  allowed: readonly number[],
): ParityOutcome | undefined {
  for (const [i, goal] of wanted.entries()) {
    const [mine = [], ideal = [], bound = 0] = [got[i], exact[i], allowed[i]];
    if (mine.length !== goal.length) return failed(`${where} tensor ${i}: wrong size`);
    if (distance(mine, goal) <= bound) continue;
    if (distance(mine, ideal) <= distance(goal, ideal)) continue;
    return failed(`${where} tensor ${i}: got ${mine.join()}, wanted ${goal.join()}, exact ${ideal.join()}`);
  }
  return undefined;
}

/** Compare state dicts: tensors by the distances `allowed`, all else and the keys' order as they are. */
function diffState(
  where: string,
  got: unknown,
  wanted: unknown,
  exact: unknown,
  allowed: readonly number[],
): ParityOutcome | undefined {
  const split = (state: unknown): ReturnType<typeof splitTensors> => splitTensors(decodeValue(state));
  const [a, b, c] = [split(got), split(wanted), split(exact)];
  return (
    diffNumbers(where, a.rest, b.rest, 0) ?? diffTensors(where, a.tensors, b.tensors, c.tensors, allowed)
  );
}

/** Take the tensors' values out of a state dict, in order; shape, dtype, the rest and its order stay. */
function splitTensors(root: unknown): { rest: unknown; tensors: number[][] } {
  const tensors: number[][] = [];
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    if ('__tensor__' in value) {
      const { data, ...rest } = value.__tensor__ as { data: number[]; dtype: string };
      // The fixtures write the shortest decimal that reads as the same float32.
      tensors.push(rest.dtype === 'float32' ? data.map(Math.fround) : data);
      return { ...rest, size: data.length };
    }
    return Object.entries(value).map(([key, inner]) => [key, visit(inner)]);
  };
  return { rest: visit(root), tensors };
}
