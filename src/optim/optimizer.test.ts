import { beforeAll, describe, expect, test } from 'vitest';
import { memory, read, tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Parameter } from '../nn/index.ts';
import { Rng } from '../util/prng.ts';
import { Adadelta } from './adadelta.ts';
import { Adagrad } from './adagrad.ts';
import { Adam } from './adam.ts';
import { Adamax } from './adamax.ts';
import { AdamW } from './adamw.ts';
import { ASGD } from './asgd.ts';
import type { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { referenceStep, type ReferenceState } from './referenceStep.ts';
import { clipGradNorm, clipGradNormReference, gradClipOptions } from './gradClip.ts';
import { NAdam } from './nadam.ts';
import { isStateTensor } from './optimizerState.ts';
import { RAdam } from './radam.ts';
import { RMSprop } from './rmsprop.ts';
import { Rprop } from './rprop.ts';
import { SGD } from './sgd.ts';
import { SparseAdam } from './sparseAdam.ts';
import { at, take } from '../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});

const SHAPES: readonly [readonly number[], 'conv' | 'plain'][] = [
  [[3, 2, 3, 3], 'conv'],
  [[5], 'plain'],
];

function random(rng: Rng, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => rng.normal());
}

function makeParameters(): Parameter[] {
  const rng = new Rng(1);
  return SHAPES.map(([shape, layout]) => {
    const parameter = new Parameter(shape, layout);
    parameter.fromTorch(random(rng, parameter.size));
    return parameter;
  });
}

/** Gradients in GPU layout, the same for the same step. */
function setGrads(parameters: readonly Parameter[], step: number): void {
  const rng = Rng.derive(2, step);
  for (const p of parameters) {
    const { shape } = p.variable;
    p.grad = tensor(random(rng, p.size), shape);
  }
}

async function run(optimizer: ElementwiseOptimizer, parameters: Parameter[], steps: number[]): Promise<void> {
  for (const step of steps) {
    setGrads(parameters, step);
    optimizer.step();
    optimizer.zeroGrad();
  }
  await Promise.all(parameters.map((p) => p.toTorch()));
}

const KINDS: readonly [string, (params: Parameter[]) => ElementwiseOptimizer][] = [
  ['SGD', (params) => new SGD({ params, lr: 0.1, weightDecay: 0.01 })],
  ['SGD momentum', (params) => new SGD({ params, lr: 0.1, momentum: 0.9, dampening: 0.2 })],
  ['SGD nesterov', (params) => new SGD({ params, lr: 0.1, momentum: 0.9, nesterov: true })],
  ['Adam', (params) => new Adam({ params, lr: 0.05, weightDecay: 0.1 })],
  ['AdamW amsgrad', (params) => new AdamW({ params, lr: 0.05, amsgrad: true, maximize: true })],
  ['Adamax', (params) => new Adamax({ params, lr: 0.05, weightDecay: 0.1 })],
  ['NAdam', (params) => new NAdam({ params, lr: 0.05, weightDecay: 0.1 })],
  ['NAdam decoupled', (params) => new NAdam({ params, weightDecay: 0.1, decoupledWeightDecay: true })],
  ['RAdam', (params) => new RAdam({ params, lr: 0.05, betas: [0.8, 0.9], weightDecay: 0.1 })],
  ['RAdam decoupled', (params) => new RAdam({ params, weightDecay: 0.1, decoupledWeightDecay: true })],
  ['Adagrad', (params) => new Adagrad({ params, lrDecay: 0.1, initialAccumulatorValue: 0.5 })],
  ['Adadelta', (params) => new Adadelta({ params, maximize: true })],
  ['RMSprop', (params) => new RMSprop({ params, weightDecay: 0.1 })],
  ['RMSprop centered momentum', (params) => new RMSprop({ params, momentum: 0.9, centered: true })],
  ['Rprop', (params) => new Rprop({ params, lr: 0.1 })],
  ['ASGD', (params) => new ASGD({ params, lr: 0.1, lambd: 0.1, t0: 1, weightDecay: 0.1 })],
  ['SparseAdam', (params) => new SparseAdam({ params, lr: 0.1 })],
];

describe.each(KINDS)('%s', (_, make) => {
  test('the GPU follows the specification, convolution weights too', async () => {
    const parameters = makeParameters();
    const optimizer = make(parameters);
    const values = new Map(await Promise.all(parameters.map(async (p) => [p, await gpuOrder(p)] as const)));
    const states = new Map<Parameter, ReferenceState>();
    for (const step of [0, 1, 2]) {
      setGrads(parameters, step);
      const grads = new Map(
        await Promise.all(parameters.map(async (p) => [p, p.grad && (await read(p.grad))] as const)),
      );
      referenceStep(optimizer, values, grads, states);
      optimizer.step();
      optimizer.zeroGrad();
    }
    for (const p of parameters) {
      const got = await gpuOrder(p);
      const wanted = values.get(p) ?? [];
      // Float32 rounds after each operation; the specification only when it stores.
      got.forEach((value, i) => expect(value).toBeCloseTo(at(wanted, i), 5));
    }
  });

  test('saving and loading continues with the same bits', async () => {
    const straight = makeParameters();
    await run(make(straight), straight, [0, 1, 2, 3]);

    const first = makeParameters();
    const optimizer = make(first);
    await run(optimizer, first, [0, 1]);
    const saved = await optimizer.stateDict();
    const second = makeParameters();
    await Promise.all(second.map(async (p, i) => p.fromTorch(await at(first, i).toTorch())));
    const resumed = make(second);
    resumed.loadStateDict(saved);
    await run(resumed, second, [2, 3]);
    for (const [i, p] of second.entries()) expect(await p.toTorch()).toEqual(await at(straight, i).toTorch());
  });

  test('steps leak no tensors, and disposing frees all but the parameters', async () => {
    const parameters = makeParameters();
    for (const p of parameters) expect(p.variable.size).toBe(p.size);
    const before = memory().numTensors;
    const optimizer = make(parameters);
    // Freed buffers come back to the pool at a submit: the second step may still find none.
    await run(optimizer, parameters, [0, 1, 2]);
    const { numTensors, numBytesInGpu } = memory();
    await run(optimizer, parameters, [3, 4]);
    expect(memory().numTensors).toBe(numTensors);
    expect(memory().numBytesInGpu).toBe(numBytesInGpu);
    optimizer.dispose();
    expect(memory().numTensors).toBe(before);
    expect(parameters.map(({ gradSlot }) => gradSlot)).toEqual([null, null]);
  });
});

async function gpuOrder(parameter: Parameter): Promise<Float32Array> {
  return Float32Array.from(await read(parameter.variable));
}

describe('state dict', () => {
  test('has PyTorch’s keys, shapes and indices', async () => {
    const [weight, bias] = take(makeParameters(), 2);
    const optimizer = new Adam({ params: [{ params: [weight] }, { params: [bias], lr: 0.5 }] });
    setGrads([weight], 0);
    optimizer.step();
    const { state, param_groups } = await optimizer.stateDict();
    // The bias had no gradient yet, so it has no state.
    expect([...state.keys()]).toEqual([0]);
    const entries = [...(state.get(0) ?? [])].map(([key, value]) => [
      key,
      isStateTensor(value) ? value.shape : value,
    ]);
    expect(entries).toEqual([
      ['step', []],
      ['exp_avg', [3, 2, 3, 3]],
      ['exp_avg_sq', [3, 2, 3, 3]],
    ]);
    expect(param_groups.map((group) => [group.lr, group.params])).toEqual([
      [0.001, [0]],
      [0.5, [1]],
    ]);
  });

  test('Adagrad has every parameter’s state from the start, SGD’s and RMSprop’s keys follow the options', async () => {
    const parameters = makeParameters();
    const keys = async (optimizer: ElementwiseOptimizer): Promise<[number, string[]][]> => {
      const { state } = await optimizer.stateDict();
      return [...state].map(([index, entries]) => [index, [...entries.keys()]]);
    };
    expect(await keys(new Adagrad({ params: parameters }))).toEqual([
      [0, ['step', 'sum']],
      [1, ['step', 'sum']],
    ]);
    const optimizer = new RMSprop({ params: parameters, momentum: 0.9, centered: true });
    setGrads([at(parameters, 1)], 0);
    optimizer.step();
    expect(await keys(optimizer)).toEqual([[1, ['step', 'square_avg', 'momentum_buffer', 'grad_avg']]]);
  });

  test('a parameter without axes keeps its step a number', async () => {
    const scalar = new Parameter([]);
    const optimizer = new Adam({ params: [scalar] });
    scalar.grad = tensor([2], []);
    optimizer.step();
    optimizer.loadStateDict(await optimizer.stateDict());
    expect(optimizer.stateOf(scalar).get('step')).toBe(1);
  });

  test('a momentum switched on by a schedule starts from its first gradient', async () => {
    const [, bias] = take(makeParameters(), 2);
    const optimizer = new SGD({ params: [bias], lr: 1, dampening: 0.5 });
    await run(optimizer, [bias], [0]);
    const before = await bias.toTorch();
    at(optimizer.paramGroups, 0).momentum = 0.9;
    bias.grad = tensor([1, 1, 1, 1, 1], [5]);
    optimizer.step();
    const after = await bias.toTorch();
    after.forEach((value, i) => expect(value).toBeCloseTo(at(before, i) - 1, 6));
  });

  test('one that doesn’t fit is refused and changes nothing', async () => {
    const parameters = makeParameters();
    const saved = await new SGD({ params: parameters, lr: 1 }).stateDict();
    const other = new SGD({ params: [at(parameters, 0)], lr: 0.5 });
    expect(() => other.loadStateDict(saved)).toThrowErrorMatchingInlineSnapshot(
      `[CheckpointError: the optimizer must find 1 parameters in group 0, but the checkpoint has 2]`,
    );
    expect(at(other.paramGroups, 0).lr).toBe(0.5);
  });
});

describe('arguments', () => {
  const params = makeParameters();
  test.each<[string, () => unknown]>([
    ['lr must be a number of at least 0, but got -1', () => new SGD({ params, lr: -1 })],
    ['must have lr, but neither', () => new SGD({ params })],
    ['nesterov needs a momentum', () => new SGD({ params, lr: 1, nesterov: true })],
    [
      'betas must be a list or tuple of two numbers of at least 0 and less than 1, but got [0.9, 1]',
      () => new Adam({ params, betas: [0.9, 1] }),
    ],
    ['eps must be a number', () => new AdamW({ params, eps: -1 })],
    [
      'betas must be a list or tuple of two numbers of at least 0 and less than 1, but got [0.9, 1]',
      () => new RAdam({ params, betas: [0.9, 1] }),
    ],
    ['momentum_decay must be a number', () => new NAdam({ params, momentumDecay: -1 })],
    ['initial_accumulator_value must be', () => new Adagrad({ params, initialAccumulatorValue: -1 })],
    ['rho must be a number from 0 to 1, but got 1.5', () => new Adadelta({ params, rho: 1.5 })],
    ['etas must be one number in (0, 1) and one above 1', () => new Rprop({ params, etas: [1.2, 1.3] })],
    ['lr must be a number greater than 0, but got 0', () => new SparseAdam({ params, lr: 0 })],
    ['must have parameters', () => new AdamW({ params: [] })],
    ['in one group only', () => new SGD({ params: [{ params }, { params }], lr: 1 })],
  ])('%s', (message, make) => {
    expect(make).toThrow(message);
  });
});

test('Adam with decoupled_weight_decay is AdamW', async () => {
  const [ours, theirs] = [makeParameters(), makeParameters()];
  const adam = new Adam({
    params: ours,
    lr: 0.05,
    weightDecay: 0.1,
    decoupledWeightDecay: true,
    amsgrad: true,
  });
  const adamw = new AdamW({ params: theirs, lr: 0.05, weightDecay: 0.1, amsgrad: true });
  await run(adam, ours, [0, 1, 2]);
  await run(adamw, theirs, [0, 1, 2]);
  for (const [i, param] of ours.entries())
    expect(await param.toTorch()).toEqual(await at(theirs, i).toTorch());
  expect((await adam.stateDict()).param_groups[0]).toMatchObject({ decoupled_weight_decay: true });
});

describe('SparseAdam', () => {
  test.each(SHAPES)(
    'leaves rows without a gradient and their averages alone: %s %s',
    async (shape, layout) => {
      const parameter = new Parameter(shape, layout);
      parameter.fromTorch(random(new Rng(3), parameter.size));
      const before = await parameter.toTorch();
      const optimizer = new SparseAdam({ params: [parameter] });
      const columns = parameter.size / at(shape, 0);
      for (const row of [0, 2]) {
        const grad = new Parameter(shape, layout);
        grad.fromTorch(Float32Array.from({ length: grad.size }, (_, i) => (i === row * columns ? 1 : 0)));
        parameter.grad = grad.variable;
        optimizer.step();
      }
      parameter.grad = null;
      const after = await parameter.toTorch();
      const moved = [...after.keys()].filter((i) => after[i] !== before[i]);
      expect(moved).toEqual([0, 2 * columns]);
      const [state] = take([...(await optimizer.stateDict()).state.values()], 1);
      expect(state.get('step')).toBe(2);
      const average = state.get('exp_avg');
      const data = isStateTensor(average) ? Array.from(average.data as ArrayLike<number>) : [];
      // The first row wasn't decayed by the second step.
      expect(data[0]).toBeCloseTo(0.1, 6);
      expect(data[2 * columns]).toBeCloseTo(0.1, 6);
    },
  );
});

describe('clipGradNorm', () => {
  test.each([0.5, 1000, NaN])('max_norm %d: the GPU follows the specification', async (maxNorm) => {
    const parameters = makeParameters();
    setGrads(parameters, 0);
    if (Number.isNaN(maxNorm)) at(parameters, 1).grad = tensor([1, NaN, 1, 1, 1], [5]);
    const options = { maxNorm: Number.isNaN(maxNorm) ? 1 : maxNorm, normType: 2 };
    const grads = await Promise.all(parameters.map(async ({ grad }) => grad && (await read(grad))));
    const wanted = clipGradNormReference(grads, options, Math.fround);
    const norm = clipGradNorm(parameters, options);
    const same = (got: number, value: number): void =>
      Number.isNaN(value) ? expect(got).toBeNaN() : expect(got).toBeCloseTo(value, 5);
    same(at(await read(norm!), 0), wanted.totalNorm);
    for (const [i, { grad }] of parameters.entries()) {
      const got = await read(grad!);
      wanted.clipped[i]?.forEach((value, j) => same(at(got, j), value));
    }
  });

  test.each([
    [0, false],
    [0, true],
    [-1, false],
    [-1, true],
    [-2.5, false],
    [-Infinity, false],
    [-Infinity, true],
    [0.5, false],
  ])('norm_type %d (zeros: %s): as the specification, packed or not', async (normType, hasZeros) => {
    for (const isPacked of [false, true]) {
      const parameters = makeParameters();
      const optimizer = new SGD({ params: parameters, lr: 1 });
      if (isPacked) optimizer.prepare();
      setGrads(parameters, 3);
      if (hasZeros) at(parameters, 1).grad = tensor([0, 0, 0, 0, 0], [5]);
      const grads = await Promise.all(parameters.map(async ({ grad }) => grad && (await read(grad))));
      const options = { maxNorm: 1e-3, normType };
      const wanted = clipGradNormReference(grads, options, Math.fround);
      const norm = clipGradNorm(parameters, options, optimizer.pool);
      const [got] = take(await read(norm!), 1);
      expect(Math.abs(got - wanted.totalNorm)).toBeLessThanOrEqual(2e-5 * wanted.totalNorm);
      for (const [i, { grad }] of parameters.entries()) {
        const values = await read(grad!);
        wanted.clipped[i]?.forEach((value, j) => expect(values[j]).toBeCloseTo(value, 4));
      }
      optimizer.zeroGrad();
      optimizer.dispose();
    }
  });

  test('norms that torch counts otherwise: 0 counts gradients, NaN shows where it is', () => {
    const norm = (grads: number[][], normType: number): number =>
      clipGradNormReference(grads, { maxNorm: 1, normType }).totalNorm;
    // torch.norm([torch.norm([1, 2], 0), torch.norm([0, 0], 0), torch.norm([nan], 0)], 0) = torch.norm([2, 0, 1], 0)
    expect(norm([[1, 2], [0, 0], [NaN]], 0)).toBe(2);
    expect(norm([[4, 4], [2]], -1)).toBe(1);
    expect(norm([[4, 0], [2]], -1)).toBe(0);
    expect(norm([[-4, 3], [2]], -Infinity)).toBe(2);
    expect(norm([[4, NaN], [2]], -Infinity)).toBeNaN();
  });

  test('without gradients there is no norm', () => {
    expect(clipGradNorm(makeParameters(), { maxNorm: 1 })).toBeNull();
  });

  test('the config’s dict is checked', () => {
    expect(gradClipOptions({ max_norm: 35, norm_type: 'inf' }).normType).toBe(Infinity);
    expect(gradClipOptions({ max_norm: 35, norm_type: -1, foreach: true }).normType).toBe(-1);
    expect(
      ['0', '-inf', ' Infinity '].map((norm_type) => gradClipOptions({ max_norm: 1, norm_type }).normType),
    ).toEqual([0, -Infinity, Infinity]);
    for (const norm_type of ['two', '', NaN, null])
      expect(() => gradClipOptions({ max_norm: 1, norm_type })).toThrow(
        "norm_type must be a number or 'inf', but got",
      );
    expect(() => gradClipOptions({ max_norm: 'x' })).toThrow("max_norm must be a number, but got 'x'");
    expect(() => gradClipOptions({ norm_type: 2 })).toThrow('grad_clip must have max_norm');
    expect(() => gradClipOptions({ max_norm: 1, clip: 2 })).toThrow('grad_clip.clip is not a key here');
  });
});
