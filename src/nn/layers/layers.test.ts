import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, memory, read, tensor, tidy, type Tensor } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { Rng } from '../../util/prng.ts';
import {
  BatchNorm2d,
  buildConvLayer,
  buildNormLayer,
  Conv2d,
  ConvModule,
  GroupNorm,
  resolveActivation,
} from '../index.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => disposeEngine());

async function valuesOf(f: () => Tensor): Promise<number[]> {
  const y = tidy(f);
  const values = [...(await read(y))];
  y.dispose();
  return values;
}

// [1, 2, 2, 1]: mean 2.5, biased variance 1.25, unbiased 5 / 3.
const picture = (): Tensor => tensor([1, 2, 3, 4], [1, 2, 2, 1]);

describe('BatchNorm2d', () => {
  test('training normalises by the batch and moves the running statistics, unbiased', async () => {
    const bn = new BatchNorm2d({ numFeatures: 1, eps: 0, momentum: 0.1 });
    const y = await valuesOf(() => bn.forward(picture()));
    [-1.3416408, -0.4472136, 0.4472136, 1.3416408].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5));
    const state = await bn.stateDict();
    expect(Number(state.get('running_mean')?.data[0])).toBeCloseTo(0.25, 6);
    expect(Number(state.get('running_var')?.data[0])).toBeCloseTo(0.9 + 0.1 * (5 / 3), 6);
    expect(state.get('num_batches_tracked')?.data[0]).toBe(1n);
    bn.dispose();
  });

  test('momentum None averages all batches', async () => {
    const bn = new BatchNorm2d({ numFeatures: 1, momentum: null });
    await valuesOf(() => bn.forward(picture()));
    await valuesOf(() => bn.forward(tensor([3, 4, 5, 6], [1, 2, 2, 1])));
    expect((await bn.runningMean?.toTorch())?.[0]).toBeCloseTo(3.5, 5);
    bn.dispose();
  });

  test('evaluation uses the running statistics and leaves them alone', async () => {
    const bn = new BatchNorm2d({ numFeatures: 1, eps: 0 });
    bn.runningMean?.fromTorch(Float32Array.of(1));
    bn.runningVar?.fromTorch(Float32Array.of(4));
    bn.eval();
    expect(await valuesOf(() => bn.forward(picture(), 'relu'))).toEqual([0, 0.5, 1, 1.5]);
    expect(bn.numBatchesTracked?.value).toBe(0);
    bn.dispose();
  });

  test('one value per channel cannot be trained on', () => {
    const bn = new BatchNorm2d({ numFeatures: 4 });
    const x = tensor([1, 2, 3, 4], [1, 1, 1, 4]);
    expect(() => bn.forward(x)).toThrow('more than 1 value per channel');
    x.dispose();
    bn.dispose();
  });

  test('a forward pass leaks nothing but its variables', async () => {
    const bn = new BatchNorm2d({ numFeatures: 1, affine: false });
    await valuesOf(() => bn.forward(picture()));
    const before = memory().numTensors;
    await valuesOf(() => bn.forward(picture()));
    expect(memory().numTensors).toBe(before);
    bn.dispose();
    expect(memory().numTensors).toBe(before - 4);
  });
});

describe('other layers', () => {
  test('Conv2d convolves with the PyTorch-ordered weight', async () => {
    const conv = new Conv2d({ inChannels: 1, outChannels: 1, kernelSize: [1, 2] });
    conv.weight.fromTorch(Float32Array.of(10, 1));
    conv.bias?.fromTorch(Float32Array.of(0.5));
    expect(await valuesOf(() => conv.forward(picture()))).toEqual([12.5, 34.5]);
    conv.dispose();
  });

  test('GroupNorm normalises each group of channels', async () => {
    const gn = new GroupNorm({ numGroups: 2, numChannels: 4, eps: 0 });
    const y = await valuesOf(() => gn.forward(tensor([1, 3, 10, 30], [1, 1, 1, 4])));
    [-1, 1, -1, 1].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5));
    gn.dispose();
  });

  test('ConvModule: bias only without a norm, activation last', async () => {
    const plain = new ConvModule({ inChannels: 1, outChannels: 1, kernelSize: 1 });
    plain.conv.weight.fromTorch(Float32Array.of(-1));
    plain.conv.bias?.fromTorch(Float32Array.of(2.5));
    expect(await valuesOf(() => plain.forward(picture()))).toEqual([1.5, 0.5, 0, 0]);
    const normed = new ConvModule({ inChannels: 1, outChannels: 2, kernelSize: 1, normCfg: { type: 'BN' } });
    expect([...(await normed.stateDict()).keys()].slice(0, 3)).toEqual([
      'conv.weight',
      'bn.weight',
      'bn.bias',
    ]);
    plain.dispose();
    normed.dispose();
  });
});

describe('activations of ConvModule', () => {
  // torch 1.13 of -4, -1, 0.5, 7
  test.each([
    [{ type: 'ReLU', inplace: true }, [0, 0, 0.5, 7]],
    [{ type: 'LeakyReLU' }, [-0.04, -0.01, 0.5, 7]],
    [{ type: 'LeakyReLU', negative_slope: 0.1 }, [-0.4, -0.1, 0.5, 7]],
    [{ type: 'ReLU6' }, [0, 0, 0.5, 6]],
    [{ type: 'SiLU' }, [-0.0719448, -0.2689414, 0.3112297, 6.9936221]],
    [{ type: 'Swish' }, [-0.0719448, -0.2689414, 0.3112297, 6.9936221]],
    [{ type: 'HSwish' }, [0, -1 / 3, 0.2916667, 7]],
    [{ type: 'HSigmoid' }, [0, 1 / 3, 0.5833333, 1]],
    [{ type: 'HSigmoid', bias: 3, divisor: 6 }, [0, 1 / 3, 0.5833333, 1]],
    [{ type: 'Sigmoid' }, [0.0179862, 0.2689414, 0.6224593, 0.9990889]],
    [null, [-4, -1, 0.5, 7]],
  ])('%j, with and without a norm', async (actCfg, expected) => {
    // A depthwise program compiles in a third of the time; that every program folds activations in is conv2d/op.test.ts's.
    const x = tensor([-4, -1, 0.5, 7], [1, 1, 1, 4]);
    const shape = { inChannels: 4, outChannels: 4, groups: 4, kernelSize: 1 } as const;
    for (const normCfg of [null, { type: 'BN', eps: 0 }]) {
      const layer = new ConvModule({ ...shape, normCfg, actCfg }).eval();
      layer.conv.weight.fromTorch(new Float32Array(4).fill(1));
      layer.conv.bias?.fromTorch(new Float32Array(4));
      const y = await valuesOf(() => layer.forward(x));
      expected.forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5));
      layer.dispose();
    }
    x.dispose();
  });

  test('GroupNorm before the activation', async () => {
    const layer = new ConvModule({
      ...{ inChannels: 4, outChannels: 4, groups: 4, kernelSize: 1, bias: true },
      ...{
        normCfg: { type: 'GN', num_groups: 1, eps: 0 },
        actCfg: { type: 'LeakyReLU', negative_slope: 0.5 },
      },
    });
    layer.conv.weight.fromTorch(new Float32Array(4).fill(1));
    layer.conv.bias?.fromTorch(Float32Array.of(0, 0, 2, 2));
    // values 1 and 3: normalised to -1 and 1
    const y = await valuesOf(() => layer.forward(tensor([1, 1, 1, 1], [1, 1, 1, 4])));
    [-0.5, -0.5, 1, 1].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5));
    layer.dispose();
  });

  test('initial weights of LeakyReLU are smaller by its gain, sqrt(2 / (1 + slope^2))', async () => {
    const first = async (actCfg: { type: string; negative_slope?: number }): Promise<number> => {
      const layer = new ConvModule({ inChannels: 2, outChannels: 3, kernelSize: 3, actCfg });
      layer.resetParameters(new Rng(1));
      return (await layer.conv.weight.toTorch())[0] ?? NaN;
    };
    const relu = await first({ type: 'ReLU' });
    expect((await first({ type: 'LeakyReLU', negative_slope: 1 })) / relu).toBeCloseTo(Math.SQRT1_2, 6);
    expect((await first({ type: 'LeakyReLU' })) / relu).toBeCloseTo(1 / Math.sqrt(1.0001), 6);
  });
});

describe('building from a config', () => {
  test('norm layers get the names of MMCV; requires_grad=False freezes them', () => {
    const [name, bn] = buildNormLayer({ type: 'BN', requires_grad: false }, 4, 1);
    expect(name).toBe('bn1');
    expect(bn.parameters().map((p) => p.requiresGrad)).toEqual([false, false]);
    expect(buildNormLayer({ type: 'GN', num_groups: 2 }, 4)[0]).toBe('gn');
  });

  test.each([
    [() => buildNormLayer({ type: 'LN' }, 4), "must be 'BN', 'SyncBN' or 'GN'"],
    [() => buildNormLayer({ type: 'GN' }, 4), "missing the required argument 'num_groups'"],
    [() => buildNormLayer({ type: 'GN', num_groups: 3 }, 4), 'must divide the 4 channels'],
    [() => buildNormLayer({ type: 'BN', epsilon: 1 }, 4), "unexpected argument 'epsilon'"],
    [
      () => buildConvLayer({ type: 'DCNv2' }, { inChannels: 1, outChannels: 1, kernelSize: 1 }),
      "must be 'Conv2d' or 'ConvWS'",
    ],
    [() => resolveActivation({ type: 'Mish' }), 'must be one of ReLU, LeakyReLU, ReLU6, SiLU, Swish, HSwish'],
    [() => resolveActivation({ type: 'ReLU', negative_slope: 1 }), "unexpected argument 'negative_slope'"],
    [() => resolveActivation({ type: 'LeakyReLU', negative_slope: 'a' }), 'negative_slope must be a number'],
    [() => resolveActivation({ type: 'HSigmoid', bias: 1, divisor: 2 }), 'bias must be 3, but got 1'],
  ])('says what is wrong: %#', (build, message) => {
    expect(build).toThrow(message);
  });
});
