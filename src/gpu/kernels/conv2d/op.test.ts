import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { setVariantChoices } from '../../dispatch/variantChoice.ts';
import { activateCpu, activationSlopeCpu, type Activation } from '../activation.ts';
import { convFilterGradCpu, convForwardCpu, convInputGradCpu } from './op.cpu.ts';
import { conv2d } from './op.ts';
import { convShape, type Conv2dOptions, type ConvShape } from './shape.ts';
import { convTraits, variantKey, variants } from './variants.ts';
import type { ConvKind } from './wgsl.ts';
import { at, take } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

interface Case extends Conv2dOptions {
  x: number[];
  w: number[];
  bias?: boolean;
}

const CASES: Case[] = [
  { x: [1, 1, 1, 1], w: [1, 1, 1, 1] },
  { x: [2, 5, 7, 3], w: [3, 3, 3, 5], padding: [1, 1], bias: true, activation: 'relu' },
  { x: [2, 9, 11, 4], w: [3, 3, 4, 8], stride: [2, 2], padding: [1, 1] },
  { x: [1, 13, 10, 3], w: [7, 7, 3, 16], stride: [2, 2], padding: [3, 3] },
  { x: [1, 10, 9, 8], w: [1, 1, 8, 12], stride: [2, 2], bias: true },
  { x: [1, 9, 14, 4], w: [3, 3, 4, 4], padding: [2, 2], dilation: [2, 2] },
  { x: [1, 8, 9, 4], w: [3, 2, 4, 6], stride: [3, 2], padding: [2, 0], dilation: [1, 3] },
  { x: [2, 6, 5, 6], w: [3, 3, 3, 4], padding: [1, 1], groups: 2, bias: true },
  { x: [1, 7, 6, 16], w: [3, 3, 4, 16], padding: [1, 1], groups: 4 },
  { x: [1, 6, 6, 5], w: [3, 3, 1, 5], padding: [1, 1], groups: 5, stride: [2, 1] },
  { x: [3, 33, 2, 4], w: [2, 1, 4, 4], padding: [3, 2], stride: [1, 3] },
  { x: [2, 7, 9, 20], w: [3, 3, 20, 40], stride: [2, 2], padding: [1, 1] },
  { x: [1, 9, 8, 16], w: [3, 3, 16, 27], padding: [1, 1], bias: true },
  { x: [3, 5, 6, 24], w: [1, 1, 24, 12] },
  { x: [2, 7, 9, 12], w: [3, 3, 1, 12], padding: [1, 1], groups: 12, bias: true, activation: 'relu6' },
  { x: [1, 9, 10, 8], w: [3, 3, 1, 8], padding: [1, 1], groups: 8, stride: [2, 2] },
  { x: [1, 8, 7, 4], w: [5, 2, 1, 4], padding: [2, 0], groups: 4, stride: [1, 2] },
  { x: [1, 7, 7, 3], w: [3, 3, 3, 8], padding: [2, 2], dilation: [2, 2] },
  // dilation, groups and stride at once, channels of a group odd or no multiple of 4
  { x: [2, 11, 9, 6], w: [3, 2, 3, 10], stride: [2, 1], padding: [2, 1], dilation: [2, 3], groups: 2 },
  {
    x: [1, 12, 10, 9],
    w: [2, 3, 3, 15],
    stride: [1, 2],
    padding: [1, 1],
    dilation: [3, 1],
    groups: 3,
    bias: true,
  },
  { x: [1, 10, 11, 7], w: [3, 3, 1, 7], stride: [2, 2], padding: [2, 2], dilation: [2, 2], groups: 7 },
  { x: [1, 9, 9, 8], w: [3, 3, 4, 6], stride: [2, 2], padding: [2, 2], dilation: [2, 2], groups: 2 },
];

const name = (c: Case): string => JSON.stringify(c);

test.each(CASES.map((c) => [name(c), c] as const))('conv2d: %s equals the reference', async (_, c) => {
  const shape = convShape(c.x, c.w, c);
  const size = (dims: number[]): number => dims.reduce((a, b) => a * b, 1);
  const xv = values(size(c.x), 1);
  const wv = values(size(c.w), 2);
  const bv = c.bias ? values(shape.outC, 3) : null;
  const before = gpu.memory().numTensors;
  const x = gpu.variable(gpu.tensor(xv, c.x));
  const w = gpu.variable(gpu.tensor(wv, c.w));
  const bias = bv && gpu.variable(gpu.tensor(bv, [bv.length]));
  const sums = convForwardCpu(shape, xv, wv, bv);
  const yv = sums.map((v) => activateCpu(c.activation, v));
  const dyv = values(yv.length, 4);
  const dy = gpu.tensor(dyv, [shape.batch, shape.outH, shape.outW, shape.outC]);
  const out = gpu.valueAndGrads(
    () => {
      const y = conv2d(x, w, bias, c);
      return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y] };
    },
    bias ? [x, w, bias] : [x, w],
  );
  expectClose(await gpu.read(at(out.aux, 0)), yv);
  const d = dyv.map((v, i) => v * activationSlopeCpu(c.activation, at(sums, i)));
  expectClose(await gpu.read(out.grads[0]!), convInputGradCpu(shape, d, wv));
  expectClose(await gpu.read(out.grads[1]!), convFilterGradCpu(shape, xv, d), 5e-6);
  if (bias) {
    const db = new Float64Array(shape.outC);
    d.forEach((v, i) => (db[i % shape.outC] = at(db, i % shape.outC) + v));
    expectClose(await gpu.read(out.grads[2]!), db, 5e-6);
  }
  gpu.dispose([out.loss, ...out.aux, ...out.grads.filter((g) => g !== null), dy]);
  for (const v of [x, w, bias]) v?.dispose();
  // The initial tensors of the variables are not disposed above.
  expect(gpu.memory().numTensors).toBe(before + (bias ? 3 : 2));
});

const KINDS: ConvKind[] = ['forward', 'inputGrad', 'filterGrad'];

// y, dx and dw with a variant forced where there is one of that name.
async function runWith(
  name: string,
  shape: ConvShape,
  c: Case,
  data: Float32Array[],
): Promise<ArrayLike<number>[]> {
  setVariantChoices(Object.fromEntries(KINDS.map((kind) => [variantKey(kind, shape), name])));
  const [xv, wv, dyv] = take(data, 3);
  const [x, w] = [gpu.variable(gpu.tensor(xv, c.x)), gpu.variable(gpu.tensor(wv, c.w))];
  const dy = gpu.tensor(dyv, [shape.batch, shape.outH, shape.outW, shape.outC]);
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = conv2d(x, w, null, { ...c, activation: undefined });
    return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y] };
  }, [x, w]);
  const out = await Promise.all([aux[0], ...grads].map(async (t) => await gpu.read(t!)));
  setVariantChoices({});
  return out;
}

test.each(CASES.map((c) => [name(c), c] as const))(
  'conv2d: %s: all variants give the same bits',
  async (_, c) => {
    const shape = convShape(c.x, c.w, c);
    const size = (dims: number[]): number => dims.reduce((a, b) => a * b, 1);
    const data = [
      values(size(c.x), 1),
      values(size(c.w), 2),
      values(shape.batch * shape.outH * shape.outW * shape.outC, 3),
    ];
    const names = new Set(KINDS.flatMap((kind) => variants(kind, shape, convTraits()).map((v) => v.name)));
    const plain = await runWith('plain', shape, c, data);
    for (const variant of names) expect(await runWith(variant, shape, c, data), variant).toEqual(plain);
  },
);

test.each<Activation>([{ type: 'leaky_relu', slope: 0.1 }, 'relu6', 'silu', 'hswish', 'hsigmoid', 'sigmoid'])(
  'conv2d: folds in %o, with its gradient',
  async (activation) => {
    const c: Case = { x: [1, 5, 6, 4], w: [3, 3, 4, 8], padding: [1, 1], activation };
    const shape = convShape(c.x, c.w, c);
    const [xv, wv, bv] = [values(120, 1), values(288, 2), values(8, 3)];
    const x = gpu.variable(
      gpu.tensor(
        xv.map((v) => 3 * v),
        c.x,
      ),
    );
    const [w, bias] = [gpu.variable(gpu.tensor(wv, c.w)), gpu.variable(gpu.tensor(bv, [8]))];
    const dyv = values(240, 4);
    const dy = gpu.tensor(dyv, [1, 5, 6, 8]);
    const { aux, grads } = gpu.valueAndGrads(() => {
      const y = conv2d(x, w, bias, c);
      return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y] };
    }, [x, bias]);
    const sums = convForwardCpu(
      shape,
      xv.map((v) => 3 * v),
      wv,
      bv,
    );
    expectClose(
      await gpu.read(at(aux, 0)),
      sums.map((v) => activateCpu(activation, v)),
      5e-6,
    );
    const d = dyv.map((v, i) => v * activationSlopeCpu(activation, at(sums, i)));
    expectClose(await gpu.read(grads[0]!), convInputGradCpu(shape, d, wv), 5e-6);
    const db = new Float64Array(8);
    d.forEach((v, i) => (db[i % 8] = at(db, i % 8) + v));
    expectClose(await gpu.read(grads[1]!), db, 5e-6);
  },
);

test('conv2d: the reference gradients equal finite differences', () => {
  const c: Case = {
    x: [1, 5, 4, 4],
    w: [3, 2, 2, 4],
    stride: [2, 1],
    padding: [1, 1],
    dilation: [1, 2],
    groups: 2,
  };
  const shape = convShape(c.x, c.w, c);
  const xv = values(80, 5);
  const wv = values(48, 6);
  const dy = values(shape.outH * shape.outW * shape.outC, 7);
  const loss = (x: ArrayLike<number>, w: ArrayLike<number>): number =>
    convForwardCpu(shape, x, w, null).reduce((sum, v, i) => sum + v * at(dy, i), 0);
  expectClose(
    convInputGradCpu(shape, dy, wv),
    numericalGrad((x) => loss(x, wv), xv),
    1e-8,
  );
  expectClose(
    convFilterGradCpu(shape, xv, dy),
    numericalGrad((w) => loss(xv, w), wv),
    1e-8,
  );
});

// A convolution is linear in each of its arguments, so that a long step costs no accuracy.
test.each<[Case, number]>([
  [{ x: [1, 5, 4, 3], w: [3, 2, 3, 5], padding: [1, 1], stride: [2, 1], bias: true }, 1],
  [{ x: [1, 6, 5, 6], w: [2, 3, 3, 4], padding: [1, 1], dilation: [2, 1], groups: 2, bias: true }, 1],
  [{ x: [1, 4, 5, 4], w: [3, 3, 1, 4], padding: [1, 1], groups: 4, bias: true }, 1],
  [{ x: [1, 4, 3, 2], w: [2, 2, 2, 3], bias: true, activation: 'silu' }, 0.05],
])('conv2d: %j: gradients equal finite differences of the op itself', async (c, h) => {
  const shape = convShape(c.x, c.w, c);
  const shapes = [c.x, c.w, [shape.outC]];
  const data = shapes.map((s, k) =>
    values(
      s.reduce((a, b) => a * b, 1),
      k + 5,
    ),
  );
  const dy = gpu.tensor(values(shape.outH * shape.outW * shape.outC, 9), [
    1,
    shape.outH,
    shape.outW,
    shape.outC,
  ]);
  const vars = data.map((v, k) => gpu.variable(gpu.tensor(v, at(shapes, k))));
  const [x, w, bias] = take(vars, 3);
  const loss = (): gpu.Tensor => gpu.sum(gpu.mul(conv2d(x, w, bias, c), dy));
  const { grads } = gpu.valueAndGrads(() => ({ loss: loss() }), vars);
  for (const [k, v] of vars.entries()) {
    // Every value is moved on the GPU; all losses come back in one readback.
    const losses: gpu.Tensor[] = [];
    for (let i = 0; i < at(data, k).length; i += 1)
      for (const step of [h, -h]) {
        const moved = at(data, k).slice();
        moved[i] = at(moved, i) + step;
        const t = gpu.tensor(moved, at(shapes, k));
        gpu.assign(v, t);
        losses.push(gpu.tidy(loss));
        t.dispose();
      }
    const initial = gpu.tensor(at(data, k), at(shapes, k));
    gpu.assign(v, initial);
    const values = await Promise.all(losses.map(async (t) => at(await gpu.read(t), 0)));
    const slopes = at(data, k).map((_, i) => (at(values, 2 * i) - at(values, 2 * i + 1)) / (2 * h));
    // float32: the differences of losses of some ones.
    expectClose(await gpu.read(grads[k]!), slopes, c.activation ? 2e-3 : 2e-5);
    gpu.dispose([...losses, initial]);
  }
  gpu.dispose([dy, ...vars]);
});

test('conv2d: repeats bit for bit, also with split rows', async () => {
  const x = gpu.variable(gpu.tensor(values(2 * 31 * 17 * 8), [2, 31, 17, 8]));
  const w = gpu.variable(gpu.tensor(values(9 * 8 * 8), [3, 3, 8, 8]));
  const run = async (): Promise<ArrayLike<number>> => {
    const { grads } = gpu.valueAndGrads(
      () => ({ loss: gpu.sum(gpu.square(conv2d(x, w, null, { padding: [1, 1] }))) }),
      [w],
    );
    return await gpu.read(grads[0]!);
  };
  expect(await run()).toEqual(await run());
});

test('conv2d: only what was asked for is differentiated', () => {
  const x = gpu.variable(gpu.ones([1, 4, 4, 4]));
  const w = gpu.variable(gpu.ones([1, 1, 4, 4]));
  const out = gpu.valueAndGrads(() => ({ loss: gpu.sum(conv2d(x, w, null)) }), [w]);
  expect(out.grads).toHaveLength(1);
});

test('conv2d: more than 65,535 workgroups', async () => {
  const side = 1450;
  const x = gpu.ones([1, side, side * 2, 1]);
  const w = gpu.tensor([2, 0, 0, 0, 0, 3], [1, 1, 1, 6]);
  const y = conv2d(x, w, null);
  const last = await gpu.read(gpu.slice(y, [0, side - 1, side * 2 - 1, 0], [1, 1, 1, 6]));
  expect([...last]).toEqual([2, 0, 0, 0, 0, 3]);
  gpu.dispose([x, w, y]);
}, 120_000);

test('conv2d: padding next to Inf and NaN stays clean', async () => {
  const x = gpu.tensor([1, NaN, 2, 3], [1, 1, 4, 1]);
  const w = gpu.tensor([1, 1, 1], [1, 3, 1, 1]);
  const y = await gpu.read(conv2d(x, w, null, { padding: [0, 1] }));
  expect([...y]).toEqual([NaN, NaN, NaN, 5]);
});
