// Runs optimizers.json: the specification in float64 and float32, and the GPU in float32.

import { ConfigError } from '../../errors/trainerError.ts';
import { tensor } from '../../gpu/index.ts';
import { Parameter } from '../../nn/index.ts';
import {
  ElementwiseOptimizer,
  parameterIndices,
  referenceStep,
  type OptimizerStateDict,
  type ReferenceState,
} from '../../optim/index.ts';
import { BuildContext, buildFromCfg, createRunRegistries, type RunServices } from '../../registry/index.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { failed, passed, skipped, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Relative to the largest value of a tensor. float32: 20 steps of a few roundings each. */
const TOLERANCE = { float32: 1e-5, float64: 1e-12 } as const;

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
  readonly state_dict_after_10: unknown;
  readonly state_dict_final: unknown;
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
  TypeError: ['unknown-argument', 'bad-type'],
};

async function runCase(one: OptimizerCase, inputs: Inputs): Promise<ParityOutcome> {
  const registries = createRunRegistries();
  if (!registries.OPTIMIZERS.has(one.optimizer)) {
    return skipped(`optimizer ${one.optimizer} is not built yet`);
  }
  if (one.error) return refuses(one, inputs);
  for (const dtype of ['float64', 'float32'] as const) {
    const wanted = one[dtype];
    if (!wanted) return failed(`the case has no ${dtype} values`);
    const difference = runReference(one, inputs, dtype, wanted);
    if (difference) return difference;
  }
  return (await runGpu(one, inputs, one.float32)) ?? passed;
}

function refuses(one: OptimizerCase, inputs: Inputs): ParityOutcome {
  try {
    build(one, makeParameters(inputs));
  } catch (error) {
    if (error instanceof ConfigError && CODES[one.error?.type ?? '']?.includes(error.code)) return passed;
    throw error;
  }
  return failed(`must raise ${JSON.stringify(one.error)}`);
}

function makeParameters(inputs: Inputs): Parameter[] {
  return inputs.shapes.map((shape, i) => {
    const parameter = new Parameter(shape);
    parameter.fromTorch(Float32Array.from(inputs.init[i]));
    return parameter;
  });
}

function build(one: OptimizerCase, parameters: readonly Parameter[]): ElementwiseOptimizer {
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
  if (optimizer instanceof ElementwiseOptimizer) return optimizer;
  throw new Error(`internal: ${one.optimizer} has no elementwise rule`);
}

function isNone(one: OptimizerCase, step: number, index: number): boolean {
  return (one.grad_is_none ?? []).some(([s, t]) => s === step && t === index);
}

function runReference(
  one: OptimizerCase,
  inputs: Inputs,
  dtype: 'float32' | 'float64',
  wanted: Expected,
): ParityOutcome | undefined {
  const Floats = dtype === 'float32' ? Float32Array : Float64Array;
  const parameters = makeParameters(inputs);
  const optimizer = build(one, parameters);
  const values = new Map(parameters.map((p, i) => [p, Floats.from(inputs.init[i])]));
  const states = new Map<Parameter, ReferenceState>();
  for (let step = 0; step < inputs.grads.length; step++) {
    const grads = new Map(
      parameters.map((p, i) => [p, isNone(one, step, i) ? null : Floats.from(inputs.grads[step][i])]),
    );
    referenceStep(optimizer, values, grads, states);
    const got = parameters.map((p) => Array.from(values.get(p) ?? []));
    const where = `${dtype} step ${step}`;
    const difference =
      diffTensors(where, got, wanted.params_after_step[step], TOLERANCE[dtype]) ??
      diffState(where, stateAt(step, wanted), referenceState(optimizer, states, dtype), TOLERANCE[dtype]);
    if (difference) return difference;
  }
  return undefined;
}

async function runGpu(
  one: OptimizerCase,
  inputs: Inputs,
  wanted: Expected | undefined,
): Promise<ParityOutcome | undefined> {
  if (!wanted) return failed('the case has no float32 values');
  const parameters = makeParameters(inputs);
  const optimizer = build(one, parameters);
  try {
    for (let step = 0; step < inputs.grads.length; step++) {
      parameters.forEach((p, i) => {
        const grad = Float32Array.from(inputs.grads[step][i]);
        p.grad = isNone(one, step, i) ? null : tensor(grad, p.shape);
      });
      optimizer.step();
      optimizer.zeroGrad();
      const got = await Promise.all(parameters.map(async (p) => Array.from(await p.toTorch())));
      const where = `GPU step ${step}`;
      const difference = diffTensors(where, got, wanted.params_after_step[step], TOLERANCE.float32);
      if (difference) return difference;
      const state = stateAt(step, wanted);
      if (state === undefined) continue;
      const gotState = plainState(await optimizer.stateDict());
      const stateDifference = diffState(where, state, gotState, TOLERANCE.float32);
      if (stateDifference) return stateDifference;
    }
    return undefined;
  } finally {
    optimizer.dispose();
    for (const parameter of parameters) parameter.dispose();
  }
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
        if (value === null || typeof value === 'number') return [key, value];
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
        entries[key] = { __tensor__: { shape: [], dtype: 'float32', data: [value] } };
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

/** Compare tensors, each by its own largest value. */
function diffTensors(
  where: string,
  got: readonly (readonly number[])[],
  wanted: readonly (readonly number[])[],
  tolerance: number,
): ParityOutcome | undefined {
  for (let i = 0; i < wanted.length; i++) {
    const largest = Math.max(...wanted[i].map(Math.abs));
    if (got[i].length !== wanted[i].length) return failed(`${where} tensor ${i}: wrong size`);
    const bad = wanted[i].findIndex((value, j) => !(Math.abs(got[i][j] - value) <= tolerance * largest));
    if (bad !== -1) {
      return failed(`${where} tensor ${i}[${bad}]: got ${got[i][bad]}, wanted ${wanted[i][bad]}`);
    }
  }
  return undefined;
}

/** Compare state dicts: tensors by their own largest value, all else as it is. */
function diffState(
  where: string,
  wanted: unknown,
  got: unknown,
  tolerance: number,
): ParityOutcome | undefined {
  if (wanted === undefined) return undefined;
  const [a, b] = [splitTensors(decodeValue(got)), splitTensors(decodeValue(wanted))];
  return (
    diffNumbers(`${where} state`, a.rest, b.rest, 0) ??
    diffTensors(`${where} state`, a.tensors, b.tensors, tolerance)
  );
}

/** Take the tensors' values out of a state dict, ordered by their place; shape, dtype and the rest stay. */
function splitTensors(root: unknown): { rest: unknown; tensors: number[][] } {
  const tensors: number[][] = [];
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    if ('__tensor__' in value) {
      const { data, ...rest } = value.__tensor__ as { data: number[] };
      tensors.push(data);
      return { ...rest, size: data.length };
    }
    const keys = Object.keys(value).sort();
    const record = value as Readonly<Record<string, unknown>>;
    return Object.fromEntries(keys.map((key) => [key, visit(record[key])]));
  };
  return { rest: visit(root), tensors };
}
