// What PyTorch has brought since 1.13, against float64 values made from its documentation.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, memory, tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { gpuShape, Parameter, torchToGpu, type Layout } from '../nn/index.ts';
import { BuildContext, buildFromCfg, createRunRegistries } from '../registry/index.ts';
import { Tuple } from '../util/tuple.ts';
import golden from './__golden__/torch2.json' with { type: 'json' };
import './index.ts';
import { Adafactor } from './adafactor.ts';
import { Muon } from './muon.ts';
import { Optimizer } from './optimizer.ts';
import { isStateTensor, type StateValue } from './optimizerState.ts';
import { at, take } from '../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => disposeEngine());

interface GoldenCase {
  readonly optimizer: string;
  readonly shape: readonly number[];
  readonly layout: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly init: readonly number[];
  readonly grads: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
  readonly state: Readonly<Record<string, { shape: readonly number[]; data: readonly number[] }>>;
}

function build(type: string, kwargs: Readonly<Record<string, unknown>>, params: Parameter[]): Optimizer {
  const context = new BuildContext(createRunRegistries(), { seed: 0, warn: () => undefined } as never);
  const options = { path: 'optimizer', context, defaultArgs: { params } };
  const optimizer = buildFromCfg({ type, ...kwargs }, context.registries.OPTIMIZERS, options);
  if (!(optimizer instanceof Optimizer)) throw new Error('no optimizer');
  return optimizer;
}

function expectClose(got: ArrayLike<number>, wanted: readonly number[]): void {
  const largest = Math.max(...wanted.map(Math.abs));
  expect(got.length).toBe(wanted.length);
  wanted.forEach((value, i) => expect(Math.abs(at(got, i) - value)).toBeLessThan(1e-5 * largest));
}

const CASES = golden.cases as unknown as readonly GoldenCase[];

test.each(CASES.map((one) => [`${one.optimizer} ${one.shape.join('x')} ${JSON.stringify(one.kwargs)}`, one]))(
  '%s',
  async (_, one) => {
    const { shape } = one;
    const layout = one.layout as Layout;
    const parameter = new Parameter(shape, layout);
    parameter.fromTorch(Float32Array.from(one.init));
    expect(parameter.variable.size).toBe(parameter.size);
    const before = memory().numTensors;
    const optimizer = build(one.optimizer, one.kwargs, [parameter]);
    for (const [step, grad] of one.grads.entries()) {
      const data = torchToGpu(Float32Array.from(grad), shape, layout);
      parameter.grad = tensor(data, gpuShape(shape, layout));
      optimizer.step();
      optimizer.zeroGrad();
      expectClose(await parameter.toTorch(), at(one.after, step));
    }
    const [state] = take([...(await optimizer.stateDict()).state.values()], 1);
    for (const [key, { shape: wantedShape, data }] of Object.entries(one.state)) {
      const value: StateValue | undefined = state.get(key);
      if (!isStateTensor(value)) throw new Error(`no ${key}`);
      expect(value.shape).toEqual(wantedShape);
      expectClose(value.data as ArrayLike<number>, data);
    }
    optimizer.dispose();
    expect(memory().numTensors).toBe(before);
  },
);

test('Adafactor: saving and loading continues with the same bits, and a state of another shape is refused', async () => {
  const make = (): Parameter => {
    const parameter = new Parameter([2, 3, 2, 2], 'conv', 0.5);
    return parameter;
  };
  const step = (optimizer: Optimizer, parameter: Parameter, n: number): void => {
    parameter.grad = tensor(
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i + n)),
      gpuShape(parameter.shape, parameter.layout),
    );
    optimizer.step();
    optimizer.zeroGrad();
  };
  const straight = make();
  const whole = new Adafactor({ params: [straight] });
  for (let n = 0; n < 4; n++) step(whole, straight, n);
  const first = make();
  const optimizer = new Adafactor({ params: [first] });
  for (let n = 0; n < 2; n++) step(optimizer, first, n);
  const saved = await optimizer.stateDict();
  const resumed = new Adafactor({ params: [first] });
  resumed.loadStateDict(saved);
  for (let n = 2; n < 4; n++) step(resumed, first, n);
  expect(await first.toTorch()).toEqual(await straight.toTorch());
  const other = new Adafactor({ params: [new Parameter([2, 3, 2, 3], 'conv')] });
  expect(() => other.loadStateDict(saved)).toThrow('col_var');
});

describe('arguments', () => {
  const matrix = new Parameter([2, 3], 'linear');
  const params = [matrix];
  test.each<[string, () => unknown]>([
    ['beta2_decay must be a number of at most 0', () => new Adafactor({ params, beta2Decay: 0.5 })],
    ['d must be a number of at least 1', () => new Adafactor({ params, d: 0.5 })],
    [
      'eps must be a list or tuple of two numbers of at least 0',
      () => new Adafactor({ params, eps: [null, -1] }),
    ],
    ['ns_steps must be a number less than 100', () => new Muon({ params, nsSteps: 100 })],
    [
      "must be 'original', 'match_rms_adamw' or None",
      () => new Muon({ params, adjustLrFn: 'other' as never }),
    ],
    ['has shape [2, 3, 1, 1]', () => new Muon({ params: [new Parameter([2, 3, 1, 1], 'conv')] })],
  ])('%s', (message, make) => {
    expect(make).toThrow(message);
  });

  test.each(['Adafactor', 'Muon', 'LBFGS', 'SparseAdam', 'NAdam', 'SGD'])(
    '%s: an argument that PyTorch doesn’t know is an error at its place',
    (type) => {
      expect(() => build(type, { lr: 0.1, bogus: 1 }, params)).toThrow(
        expect.objectContaining({ code: 'unknown-argument', path: 'optimizer.bogus' }),
      );
    },
  );

  test('arguments that choose how PyTorch computes are taken and change nothing', () => {
    const how = { foreach: false, capturable: false, differentiable: false };
    for (const type of ['Adam', 'Adamax', 'NAdam', 'RAdam', 'Adadelta', 'RMSprop', 'Rprop', 'ASGD'])
      expect(build(type, how, params).paramGroups[0]).toMatchObject(how);
    for (const type of ['AdamW', 'Adam', 'SGD', 'Adagrad'])
      expect(at(build(type, { lr: 0.1, fused: false }, params).paramGroups, 0).fused).toBe(false);
    expect(
      at(build('Adafactor', { eps: Tuple.of<unknown>(null, 1e-3) }, params).paramGroups, 0).foreach,
    ).toBeNull();
  });
});
