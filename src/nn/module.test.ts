import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, memory } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Rng } from '../util/prng.ts';
import {
  BatchNorm2d,
  Conv2d,
  ConvModule,
  FloatBuffer,
  Module,
  ModuleList,
  Parameter,
  type StateTensor,
} from './index.ts';

class Net extends Module {
  readonly conv1 = this.addModule(
    'conv1',
    new Conv2d({ inChannels: 2, outChannels: 3, kernelSize: [1, 2], bias: false }),
  );
  readonly bn1 = this.addModule('bn1', new BatchNorm2d({ numFeatures: 3 }));
  readonly heads = this.addModule(
    'heads',
    new ModuleList([new ConvModule({ inChannels: 3, outChannels: 1, kernelSize: 1 })]),
  );
}

const NAMES = [
  'conv1.weight',
  'bn1.weight',
  'bn1.bias',
  'bn1.running_mean',
  'bn1.running_var',
  'bn1.num_batches_tracked',
  'heads.0.conv.weight',
  'heads.0.conv.bias',
];

function float32(shape: number[], ...data: number[]): StateTensor {
  return { shape, dtype: 'float32', data: Float32Array.from(data) };
}

describe('module tree', () => {
  test('names: parameters and buffers come in PyTorch order with full names', async () => {
    const net = new Net();
    expect([...(await net.stateDict()).keys()]).toEqual(NAMES);
    expect(net.namedParameters().map(([name]) => name)).toEqual(NAMES.filter((n) => !/running|num_/.test(n)));
    expect(net.heads.items[0]?.conv.weight.name).toBe('heads.0.conv.weight');
    expect(net.bn1.runningMean?.name).toBe('bn1.running_mean');
  });

  test('shared modules: parameters are listed once, the state dict writes each name', async () => {
    class Twice extends Module {
      readonly a = this.addModule(
        'a',
        new Conv2d({ inChannels: 1, outChannels: 1, kernelSize: 1, bias: false }),
      );
      readonly b = this.addModule('b', this.a);
    }
    const net = new Twice();
    expect(net.namedParameters().map(([name]) => name)).toEqual(['a.weight']);
    expect([...(await net.stateDict()).keys()]).toEqual(['a.weight', 'b.weight']);
    expect(net.b.weight.name).toBe('a.weight');
  });

  test('train and eval reach every module', () => {
    const net = new Net();
    net.eval();
    expect(net.namedModules().map(([, m]) => m.training)).toEqual(Array(6).fill(false));
    expect(net.train().bn1.training).toBe(true);
  });

  test('a member name may be used once', () => {
    const net = new Net();
    expect(() => net.addBuffer('bn1', new FloatBuffer([1]))).toThrow("already has a member 'bn1'");
  });
});

describe('loadStateDict', () => {
  const full = async (): Promise<Map<string, StateTensor>> => new Map(await new Net().stateDict());

  test('an exact state dict loads without a word, also with the prefix `module.`', async () => {
    const state = await full();
    state.set('conv1.weight', float32([3, 2, 1, 2], ...Array.from({ length: 12 }, (_, i) => i)));
    state.set('bn1.num_batches_tracked', { shape: [], dtype: 'int64', data: BigInt64Array.of(7n) });
    const prefixed = new Map([...state].map(([name, value]) => [`module.${name}`, value]));
    const net = new Net();
    expect(net.loadStateDict(prefixed, { strict: true })).toEqual({
      unexpected: [],
      missing: [],
      mismatched: [],
      notFinite: [],
      message: null,
      warnings: [],
    });
    expect([...(await net.conv1.weight.toTorch())]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(net.bn1.numBatchesTracked?.value).toBe(7);
  });

  // Texts observed from mmcv 1.7.2 (fixtures/checkpoints/load_checkpoint.json), for another model.
  test('missing and unexpected names are told in MMCV words; num_batches_tracked is never missed', async () => {
    const state = await full();
    state.delete('heads.0.conv.weight');
    state.delete('heads.0.conv.bias');
    state.delete('bn1.num_batches_tracked');
    state.set('extra.weight', float32([1], 1));
    const { message } = new Net().loadStateDict(state);
    expect(message).toBe(
      'The model and loaded state dict do not match exactly\n\nunexpected key in source state_dict: extra.weight\n\n' +
        'missing keys in source state_dict: heads.0.conv.weight, heads.0.conv.bias\n',
    );
  });

  test('a tensor of another shape is not loaded', async () => {
    const state = await full();
    state.set('bn1.bias', float32([4], 1, 2, 3, 4));
    const net = new Net();
    const report = net.loadStateDict(state);
    expect(report.mismatched).toEqual([{ name: 'bn1.bias', expected: [3], actual: [4] }]);
    expect(report.message).toBe(
      'The model and loaded state dict do not match exactly\n\nsize mismatch for bn1.bias: copying a param with shape ' +
        'torch.Size([4]) from checkpoint, the shape in current model is torch.Size([3]).',
    );
    expect([...((await net.bn1.bias?.toTorch()) ?? [])]).toEqual([0, 0, 0]);
  });

  test('strict: what does not fit is refused', async () => {
    const state = await full();
    state.delete('conv1.weight');
    expect(() => new Net().loadStateDict(state, { strict: true })).toThrow(
      'missing keys in source state_dict: conv1.weight',
    );
  });

  test('a one-element vector fits a scalar; float64 becomes float32', async () => {
    const state = await full();
    state.set('bn1.num_batches_tracked', { shape: [1], dtype: 'int64', data: BigInt64Array.of(3n) });
    state.set('bn1.bias', { shape: [3], dtype: 'float64', data: Float64Array.of(0.1, 2, 3) });
    const net = new Net();
    expect(net.loadStateDict(state).message).toBeNull();
    expect([...((await net.bn1.bias?.toTorch()) ?? [])]).toEqual([Math.fround(0.1), 2, 3]);
    expect(net.bn1.numBatchesTracked?.value).toBe(3);
  });
});

describe('values on the GPU', () => {
  beforeAll(async () => {
    await testAdapter();
  });
  afterAll(() => disposeEngine());

  test('a convolution weight keeps its values through HWIO and back, and is freed by dispose', async () => {
    const before = memory().numTensors;
    const weight = new Parameter([2, 3, 2, 1], 'conv');
    const values = Float32Array.from({ length: 12 }, (_, i) => i);
    weight.fromTorch(values);
    expect(weight.variable.shape).toEqual([2, 1, 3, 2]);
    expect(await weight.toTorch()).toEqual(values);
    // Written once more while on the GPU.
    weight.fromTorch(values.map((v) => -v));
    expect(await weight.toTorch()).toEqual(values.map((v) => -v));
    weight.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('the state dict is the same before and after the upload', async () => {
    const net = new Net();
    await net.initWeights(new Rng(1));
    const cpu = await net.stateDict();
    for (const parameter of net.parameters()) void parameter.variable;
    expect(await net.stateDict()).toEqual(cpu);
    net.dispose();
  });
});
