// Values of the elementary ops where they are easy to get wrong; their gradients are tested in gradients.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { activateCpu, activationSlopeCpu } from '../kernels/activation.ts';
import { testAdapter } from '../testing/adapter.ts';
import { expectClose, values } from '../testing/numbers.ts';
import { at as itemAt } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const list = async (t: gpu.Tensor): Promise<number[]> => [...(await gpu.read(t))];
const ints = (v: number[], shape = [v.length]): gpu.Tensor => gpu.tensor(Int32Array.from(v), shape);

test('a result past 65,535 workgroups is complete, in fours and one by one', async () => {
  for (const n of [65_536 * 64 * 4 + 4, 65_536 * 64 + 3]) {
    const x = gpu.fill([n], 2);
    const y = gpu.add(x, 1);
    const last = await list(gpu.slice(y, [n - 3], [3]));
    expect(last).toEqual([3, 3, 3]);
    gpu.dispose([x, y]);
  }
});

test('large and small results, flat and broadcast, are the same numbers', async () => {
  const [m, n] = [64, 12];
  const [a, b] = [values(m * n, 1), values(n, 2)];
  const x = gpu.tensor(a, [m, n]);
  const row = await list(gpu.sub(x, gpu.tensor(b, [n])));
  expect(row).toEqual(Array.from(a, (v, i) => Math.fround(v - itemAt(b, i % n))));
  const column = await list(gpu.sub(gpu.tensor(values(m, 3), [m, 1]), x));
  expect(column).toEqual(Array.from(a, (v, i) => Math.fround(itemAt(values(m, 3), Math.floor(i / n)) - v)));
  expect(await list(gpu.add(x, x))).toEqual(Array.from(a, (v) => 2 * v));
  // [2, 1, 3, 1] with [1, 4, 1, 5]: no two axes can be joined
  const [p, q] = [values(6, 4), values(20, 5)];
  const both = await list(gpu.mul(gpu.tensor(p, [2, 1, 3, 1]), gpu.tensor(q, [1, 4, 1, 5])));
  const at = (i: number): number =>
    itemAt(p, Math.floor(i / 60) * 3 + (Math.floor(i / 5) % 3)) *
    itemAt(q, (Math.floor(i / 15) % 4) * 5 + (i % 5));
  expect(both).toEqual(Array.from({ length: 120 }, (_, i) => Math.fround(at(i))));
});

test('integers stay integers, and become floats with a fraction', async () => {
  const x = ints([1, 2, -3]);
  expect(gpu.add(x, 1).dtype).toBe('int32');
  expect(await list(gpu.mul(x, ints([4])))).toEqual([4, 8, -12]);
  expect(gpu.mul(x, 0.5).dtype).toBe('float32');
  expect(await list(gpu.div(x, 2))).toEqual([0.5, 1, -1.5]);
  expect(await list(gpu.cast(gpu.tensor([1.9, -1.9], [2]), 'int32'))).toEqual([1, -1]);
  expect(await list(gpu.concat([x, ints([7])]))).toEqual([1, 2, -3, 7]);
  expect(await list(gpu.fill([2], -0.5))).toEqual([-0.5, -0.5]);
  expect(await list(gpu.ones([2], 'int32'))).toEqual([1, 1]);
});

test('masks and counts are the numbers they are in sums, means, maxima, joins and losses', async () => {
  const x = gpu.tensor([1, -2, 3, 0.5], [4]);
  const mask = gpu.greater(x, 0);
  expect(mask.dtype).toBe('int32');
  for (const f of [gpu.sum, gpu.mean, gpu.max]) expect(f(mask).dtype).toBe('float32');
  expect(await list(gpu.sum(mask))).toEqual([3]);
  expect(await list(gpu.mean(mask))).toEqual([0.75]);
  expect(await list(gpu.max(ints([-5, -3])))).toEqual([-3]);
  expect(await list(gpu.max(ints([7], [1, 1])))).toEqual([7]);
  expect(await list(gpu.sum(ints([1, 2, 3, 4], [2, 2]), [0]))).toEqual([4, 6]);
  expect(await list(gpu.concat([x, mask]))).toEqual([1, -2, 3, 0.5, 1, 0, 1, 1]);
  expect(await list(gpu.concat([mask, x]))).toEqual([1, 0, 1, 1, 1, -2, 3, 0.5]);
  const pred = gpu.reshape(x, [4, 1]);
  const target = ints([0, 0, 0, 0], [4, 1]);
  expect(await list(gpu.l1Loss(pred, target, mask, { divisor: ints([3], []) }))).toEqual([1.5]);
  const logits = gpu.tensor([0, 0], [1, 2]);
  const [loss] = await list(gpu.bceWithLogitsLoss(logits, ints([1, 0], [1, 2]), null));
  expect(loss).toBeCloseTo(2 * Math.log(2), 6);
});

test('nothing at all: products and picks of no rows, and their gradients', async () => {
  const [a, b] = [gpu.tensor([], [0, 3]), gpu.tensor([1, 2, 3], [3, 1])];
  expect(gpu.matMul(a, b).shape).toEqual([0, 1]);
  expect(await list(gpu.matMul(gpu.tensor([], [2, 0]), gpu.tensor([], [0, 1])))).toEqual([0, 0]);
  const [w, x] = [gpu.variable(b), gpu.variable(gpu.tensor([1, 2], [2]))];
  const { grads } = gpu.valueAndGrads(
    () => ({ loss: gpu.add(gpu.sum(gpu.matMul(a, w)), gpu.sum(gpu.gather(x, ints([])))) }),
    [w, x],
  );
  expect(await list(grads[0] ?? w)).toEqual([0, 0, 0]);
  expect(await list(grads[1] ?? x)).toEqual([0, 0]);
});

test('NaN comes out of minimum, maximum, clip, max, sums and activations; argMax finds it', async () => {
  const [x, y] = [gpu.tensor([NaN, 1, 5], [3]), gpu.tensor([2, NaN, 3], [3])];
  expect(await list(gpu.minimum(x, y))).toEqual([NaN, NaN, 3]);
  expect(await list(gpu.maximum(x, y))).toEqual([NaN, NaN, 5]);
  expect(await list(gpu.clip(x, 0, 2))).toEqual([NaN, 1, 2]);
  expect(await list(gpu.max(x))).toEqual([NaN]);
  expect(await list(gpu.sum(y))).toEqual([NaN]);
  expect(await list(gpu.argMax(y))).toEqual([1]);
  for (const f of [gpu.relu, gpu.relu6, gpu.silu, gpu.leakyRelu]) expect((await list(f(x)))[0]).toBeNaN();
});

test('max and argMax: over any axes, the first of equals, infinities', async () => {
  const x = gpu.tensor([1, 5, 5, -Infinity, -7, -2], [2, 3]);
  expect(await list(gpu.argMax(x))).toEqual([1, 2]);
  expect(await list(gpu.argMax(x, 0))).toEqual([0, 0, 0]);
  expect(await list(gpu.max(x, [0]))).toEqual([1, 5, 5]);
  expect(await list(gpu.max(gpu.tensor([-Infinity], [1])))).toEqual([-Infinity]);
  const v = values(3 * 700 * 2, 1);
  const wanted = [0, 1].map((k) => Math.max(...v.filter((_, i) => i % 2 === k)));
  expect(await list(gpu.max(gpu.tensor(v, [3, 700, 2]), [0, 1]))).toEqual(wanted);
});

test('sums: long runs, outer and inner axes, an empty tensor, the same bits twice', async () => {
  const shape = [3, 1000, 2, 5];
  const v = values(30_000, 1);
  const x = gpu.tensor(v, shape);
  const total = new Float64Array(6);
  v.forEach((e, i) => {
    const place = Math.floor(i / 10_000) * 2 + (Math.floor(i / 5) % 2);
    total[place] = (total[place] ?? NaN) + e;
  });
  const first = await list(gpu.sum(x, [1, 3]));
  expectClose(first, total, 1e-5);
  expect(await list(gpu.sum(x, [-1, 1]))).toEqual(first);
  expectClose(
    await list(gpu.mean(x, [1, 3])),
    [...total].map((e) => e / 5000),
    1e-5,
  );
  expect(await list(gpu.sum(gpu.tensor([], [0, 2]), [0]))).toEqual([0, 0]);
});

test('moves: slices, transposition, gathering, repetition keep the values', async () => {
  const x = gpu.tensor([...Array(24).keys()], [2, 3, 4]);
  expect(await list(gpu.slice(x, [1, 1, 1], [1, -1, 2]))).toEqual([17, 18, 21, 22]);
  expect((await list(gpu.transpose(x, [2, 0, 1]))).slice(0, 7)).toEqual([0, 4, 8, 12, 16, 20, 1]);
  expect(await list(gpu.gather(x, ints([2, 0]), 1))).toEqual([
    8, 9, 10, 11, 0, 1, 2, 3, 20, 21, 22, 23, 12, 13, 14, 15,
  ]);
  expect(await list(gpu.broadcastTo(gpu.tensor([1, 2], [2, 1]), [2, 2, 3]))).toEqual([
    1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
  ]);
  expect(await list(gpu.oneHot(ints([1, 3, -1]), 3))).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
  expect(() => gpu.slice(x, [0, 2, 0], [1, 2, 1])).toThrow('out of range');
});

test('where picks the values themselves, also beside NaN', async () => {
  const mask = gpu.greater(gpu.tensor([1, -1, 2], [3]), 0);
  expect(await list(mask)).toEqual([1, 0, 1]);
  expect(await list(gpu.where(mask, gpu.ones([3]), gpu.tensor([NaN, 7, NaN], [3])))).toEqual([1, 7, 1]);
});

test.each([
  ['relu', gpu.relu],
  [{ type: 'leaky_relu', slope: 0.01 }, gpu.leakyRelu],
  ['relu6', gpu.relu6],
  ['silu', gpu.silu],
  ['hswish', gpu.hardSwish],
  ['hsigmoid', gpu.hardSigmoid],
  ['sigmoid', gpu.sigmoid],
] as const)('activation %j as an op: value and gradient', async (activation, op) => {
  for (const n of [7, 512]) {
    const xv = values(n, 1).map((v) => v * 8);
    const x = gpu.variable(gpu.tensor(xv, [n]));
    const { aux, grads } = gpu.valueAndGrads(() => {
      const y = op(x);
      return { loss: gpu.sum(y), aux: [y] };
    }, [x]);
    expectClose(
      await list(itemAt(aux, 0)),
      Array.from(xv, (v) => activateCpu(activation, v)),
      1e-6,
    );
    expectClose(
      await list(grads[0]!),
      Array.from(xv, (v) => activationSlopeCpu(activation, v)),
      2e-6,
    );
  }
});

test('addRelu: relu(a + b), one gradient for both', async () => {
  const [a, b] = [gpu.variable(gpu.tensor([1, -2, 3], [3])), gpu.variable(gpu.tensor([1, 1, -3], [3]))];
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.addRelu(a, b);
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor([2, 3, 4], [3]))), aux: [y] };
  }, [a, b]);
  expect(await list(itemAt(aux, 0))).toEqual([2, 0, 0]);
  expect(await list(grads[0]!)).toEqual([2, 0, 0]);
  expect(await list(grads[1]!)).toEqual([2, 0, 0]);
});

test('softmax: large values, rows of one', async () => {
  expectClose(
    await list(gpu.softmax(gpu.tensor([1000, 1001, 3], [1, 3]))),
    [0.26894142, 0.73105858, 0],
    1e-5,
  );
  expect(await list(gpu.softmax(gpu.tensor([-5, 5], [2, 1])))).toEqual([1, 1]);
});

test('gradients of branches are added by our own program', async () => {
  const x = gpu.variable(gpu.tensor([1, 2], [2]));
  const { grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(gpu.add(gpu.square(x), gpu.mul(x, 3))) }), [x]);
  expect(await list(grads[0]!)).toEqual([5, 7]);
});
