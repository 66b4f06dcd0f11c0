import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../gpu/testing/numbers.ts';
import { at } from '../../util/at.ts';
import { Rng } from '../../util/prng.ts';
import {
  buildConvLayer,
  buildNormLayer,
  Conv2d,
  ConvNormSequential,
  ConvTranspose2d,
  ConvWS2d,
  DepthwiseSeparableConvModule,
  L2Norm,
  PlainSequential,
  Sequential,
  type Module,
  type Parameter,
} from '../index.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

/** y and the gradients of sum(y dy) by x and the parameter, in PyTorch's order. */
async function run(
  layer: Module & { forward(x: gpu.Tensor): gpu.Tensor },
  parameter: Parameter,
  x: gpu.Variable,
  dy: Float32Array,
): Promise<{ y: ArrayLike<number>; dx: ArrayLike<number>; dp: ArrayLike<number> }> {
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = layer.forward(x);
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dy, y.shape))), aux: [y] };
  }, [x, parameter.variable]);
  const [dx, dp] = await Promise.all(grads.map((grad) => gpu.read(grad!)));
  return { y: await gpu.read(at(aux, 0)), dx: dx!, dp: dp! };
}

test('L2Norm: a pixel of 3 and 4 gets length 20, and gradients equal finite differences', async () => {
  const layer = new L2Norm(2);
  layer.resetParameters();
  const weight = layer.ownParameters().get('weight')!;
  const [xv, dyv] = [Float32Array.of(3, 4, 0.5, -1), values(4, 2)];
  const { y, dx, dp } = await run(layer, weight, gpu.variable(gpu.tensor(xv, [1, 1, 2, 2])), dyv);
  expectClose(Array.from(y).slice(0, 2), [12, 16]);
  const loss = (x: ArrayLike<number>, w: ArrayLike<number>): number =>
    [0, 0, 2, 2].reduce((sum, first, k) => {
      const i = first + (k % 2);
      const length = Math.hypot(at(x, first), at(x, first + 1));
      return sum + (at(dyv, i) * at(w, k % 2) * at(x, i)) / (length + 1e-10);
    }, 0);
  expectClose(
    dx,
    numericalGrad((x) => loss(x, [20, 20]), xv),
    1e-5,
  );
  expectClose(
    dp,
    numericalGrad((w) => loss(xv, w), [20, 20]),
    1e-5,
  );
  layer.dispose();
});

test('L2Norm: a pixel without any length has a gradient, where PyTorch has NaN', async () => {
  const layer = new L2Norm(2);
  const weight = layer.ownParameters().get('weight')!;
  const { y, dx } = await run(layer, weight, gpu.variable(gpu.zeros([1, 1, 1, 2])), Float32Array.of(1, 1));
  expect([...Array.from(y), ...Array.from(dx).filter((v) => !Number.isFinite(v))]).toEqual([0, 0]);
  layer.dispose();
});

test('ConvWS2d: filters are standardised by n - 1, and their gradient equals finite differences', async () => {
  const layer = buildConvLayer(
    { type: 'ConvWS' },
    { inChannels: 2, outChannels: 3, kernelSize: 2, bias: false },
  );
  expect(layer).toBeInstanceOf(ConvWS2d);
  const wv = values(24, 5);
  layer.weight.fromTorch(wv);
  // The first filter is 2x2x2: w - mean over std of 8 values.
  const standardised = (w: ArrayLike<number>): number[] =>
    Array.from({ length: 24 }, (_, i) => {
      const filter = Array.from(w).slice(Math.floor(i / 8) * 8, Math.floor(i / 8) * 8 + 8);
      const mean = filter.reduce((a, b) => a + b, 0) / 8;
      const std = Math.sqrt(filter.reduce((a, b) => a + (b - mean) ** 2, 0) / 7);
      return (at(w, i) - mean) / (std + 1e-5);
    });
  // PyTorch's [o, i, kh, kw] against NHWC x of one 2x2 window.
  const xv = values(8, 6);
  const output = (w: ArrayLike<number>): number[] =>
    [0, 1, 2].map((o) =>
      [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, k) => {
        const [c, p] = [Math.floor(k / 4), k % 4];
        return sum + at(xv, p * 2 + c) * at(w, o * 8 + k);
      }, 0),
    );
  const dyv = values(3, 7);
  const { y, dp } = await run(layer, layer.weight, gpu.variable(gpu.tensor(xv, [1, 2, 2, 2])), dyv);
  expectClose(y, output(standardised(wv)), 5e-6);
  const expected = numericalGrad(
    (w) => output(standardised(w)).reduce((sum, v, i) => sum + v * at(dyv, i), 0),
    wv,
  );
  const inTorchOrder = Array.from({ length: 24 }, (_, i) => {
    const [o, c, p] = [Math.floor(i / 8), Math.floor(i / 4) % 2, i % 4];
    return at(dp, (p * 2 + c) * 3 + o);
  });
  expectClose(inTorchOrder, expected, 2e-5);
  layer.dispose();
});

test('ConvTranspose2d: PyTorch’s axes of the weight, and its bias', async () => {
  const layer = new ConvTranspose2d({ inChannels: 2, outChannels: 1, kernelSize: [1, 2], stride: 2 });
  layer.weight.fromTorch(Float32Array.of(1, 2, 10, 20));
  layer.bias?.fromTorch(Float32Array.of(100));
  const y = layer.forward(gpu.tensor([1, 1, 3, 0], [1, 1, 2, 2]));
  expect([...(await gpu.read(y))]).toEqual([111, 122, 103, 106]);
  layer.resetParameters(new Rng(1));
  // fan = out x 1 x 2
  const bound = 1 / Math.sqrt(2);
  expect([...(await layer.weight.toTorch())].every((v) => Math.abs(v) <= bound)).toBe(true);
  layer.dispose();
});

const names = (module: Module): string[] => module.namedParameters().map(([name]) => name);

test('names of what stands in PyTorch’s own Sequential', () => {
  const pair = (activation?: 'relu') => ({
    conv: new Conv2d({ inChannels: 1, outChannels: 2, kernelSize: 1, bias: false }),
    norm: buildNormLayer({ type: 'BN' }, 2)[1],
    ...(activation && { activation }),
  });
  expect(names(new ConvNormSequential([pair('relu'), pair()]))).toEqual([
    '0.weight',
    '1.weight',
    '1.bias',
    '3.weight',
    '4.weight',
    '4.bias',
  ]);
  expect(names(new ConvNormSequential([pair()], 1))).toEqual(['1.weight', '2.weight', '2.bias']);
  const conv = () => new Conv2d({ inChannels: 1, outChannels: 1, kernelSize: 1, bias: false });
  expect(names(new PlainSequential([conv(), conv()]))).toEqual(['0.weight', '1.weight']);
  expect(names(new PlainSequential({ conv: conv(), res0: conv() }))).toEqual(['conv.weight', 'res0.weight']);
});

test('DepthwiseSeparableConvModule: names, and its convolutions keep the start that a parent gives', async () => {
  const layer = new DepthwiseSeparableConvModule({
    ...{ inChannels: 4, outChannels: 8, kernelSize: 3, padding: 1, stride: 2 },
    ...{ normCfg: { type: 'BN' }, actCfg: { type: 'SiLU' } },
  });
  expect(names(layer)).toEqual([
    ...['conv.weight', 'bn.weight', 'bn.bias'].map((name) => `depthwise_conv.${name}`),
    ...['conv.weight', 'bn.weight', 'bn.bias'].map((name) => `pointwise_conv.${name}`),
  ]);
  const parent = new Sequential([layer]);
  parent.initCfg = { type: 'Constant', layer: 'Conv2d', val: 0.5 };
  await parent.initWeights(new Rng(1));
  const state = await parent.stateDict();
  expect(state.get('0.depthwise_conv.conv.weight')?.shape).toEqual([4, 1, 3, 3]);
  expect(state.get('0.pointwise_conv.conv.weight')?.data[0]).toBe(0.5);
  expect(layer.forward(gpu.ones([1, 6, 6, 4])).shape).toEqual([1, 3, 3, 8]);
  layer.dispose();
});
