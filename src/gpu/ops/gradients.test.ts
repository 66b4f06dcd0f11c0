import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { expectClose, values } from '../testing/numbers.ts';
import { at } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

type Op = (...xs: gpu.Tensor[]) => gpu.Tensor;

interface Case {
  op: Op;
  shapes: number[][];
  map?: (v: number) => number;
}

const away = (v: number): number => Math.sign(v) * (Math.abs(v) + 0.2);
const positive = (v: number): number => Math.abs(v) + 0.5;
const indices = (): gpu.Tensor => gpu.tensor(Int32Array.of(2, 0, 2), [3]);

const CASES: Record<string, Case> = {
  add: { op: gpu.add, shapes: [[2, 3, 4], [4]] },
  'add to a column': {
    op: gpu.add,
    shapes: [
      [2, 3],
      [2, 1],
    ],
  },
  sub: { op: gpu.sub, shapes: [[3], [2, 3]] },
  'sub from a number': { op: (x) => gpu.sub(1, x), shapes: [[3]] },
  mul: {
    op: gpu.mul,
    shapes: [
      [2, 3],
      [1, 3],
    ],
  },
  'mul by itself': { op: (x) => gpu.mul(x, x), shapes: [[5]] },
  div: { op: gpu.div, shapes: [[2, 3], []], map: positive },
  minimum: { op: gpu.minimum, shapes: [[7], [7]] },
  maximum: { op: gpu.maximum, shapes: [[7], [7]] },
  neg: { op: gpu.neg, shapes: [[3]] },
  exp: { op: gpu.exp, shapes: [[3]] },
  log: { op: gpu.log, shapes: [[3]], map: positive },
  abs: { op: gpu.abs, shapes: [[6]], map: away },
  sqrt: { op: gpu.sqrt, shapes: [[3]], map: positive },
  square: { op: gpu.square, shapes: [[3]] },
  sigmoid: { op: gpu.sigmoid, shapes: [[3]] },
  softmax: { op: gpu.softmax, shapes: [[2, 5]] },
  clip: { op: (x) => gpu.clip(x, -0.35, 0.35), shapes: [[9]] },
  where: { op: (a, b) => gpu.where(gpu.greater(a, 0), a, b), shapes: [[9], [9]], map: away },
  matMul: {
    op: (a, b) => gpu.matMul(a, b),
    shapes: [
      [2, 3],
      [3, 4],
    ],
  },
  'matMul transposed': {
    op: (a, b) => gpu.matMul(a, b, true, true),
    shapes: [
      [3, 2],
      [4, 3],
    ],
  },
  concat: {
    op: (a, b) => gpu.concat([a, b], 1),
    shapes: [
      [2, 1, 3],
      [2, 2, 3],
    ],
  },
  'concat with itself': { op: (a) => gpu.concat([a, a], -1), shapes: [[2, 3]] },
  stack: {
    op: (a, b) => gpu.stack([a, b], 1),
    shapes: [
      [2, 3],
      [2, 3],
    ],
  },
  slice: { op: (x) => gpu.slice(x, [1, 0], [1, -1]), shapes: [[3, 4]] },
  reshape: { op: (x) => gpu.reshape(x, [3, 2]), shapes: [[2, 3]] },
  transpose: { op: (x) => gpu.transpose(x, [2, 0, 1]), shapes: [[2, 3, 4]] },
  gather: { op: (x) => gpu.gather(x, indices(), 1), shapes: [[2, 4, 3]] },
  sum: { op: (x) => gpu.sum(x), shapes: [[3, 5]] },
  'sum over an axis': { op: (x) => gpu.sum(x, [-2], true), shapes: [[3, 5]] },
  mean: { op: (x) => gpu.mean(x, [0]), shapes: [[3, 5]] },
  // Far enough apart that a step of the differences makes no other the largest.
  maxPool2d: {
    op: (x) => gpu.maxPool2d(x, [3, 2], [2, 1], [1, 0]),
    shapes: [[1, 5, 4, 3]],
    map: (v) => 5 * v,
  },
  upsampleNearest2d: { op: (x) => gpu.upsampleNearest2d(x, [5, 4]), shapes: [[2, 3, 2, 3]] },
  relu: { op: gpu.relu, shapes: [[9]], map: away },
  groupNorm: { op: (x, g, b) => gpu.groupNorm(x, 2, g, b, 1e-3), shapes: [[2, 2, 3, 4], [4], [4]] },
};

const size = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

test.each(Object.entries(CASES))('%s: gradients equal finite differences, nothing leaks', async (_, c) => {
  const data = c.shapes.map((s, k) => values(size(s), k + 1).map(c.map ?? ((v) => v)));
  const initial = c.shapes.map((s, k) => gpu.tensor(at(data, k), s));
  const before = gpu.memory().numTensors;
  const vars = initial.map((t) => gpu.variable(t));
  const loss = (): gpu.Tensor => {
    const y = c.op(...vars);
    return gpu.sum(gpu.mul(y, gpu.tensor(values(y.size, 9), y.shape)));
  };
  const out = gpu.valueAndGrads(() => ({ loss: loss() }), vars);
  // float32 differences: a coarse step and tolerance; the exact rules are told by the cases above being many.
  const h = 1e-2;
  for (const [k, v] of vars.entries()) {
    const slope: number[] = [];
    for (let i = 0; i < at(data, k).length; i += 1) {
      const sides: number[] = [];
      for (const step of [h, -h]) {
        const moved = at(data, k).slice();
        moved[i] = at(moved, i) + step;
        const t = gpu.tensor(moved, at(c.shapes, k));
        gpu.assign(v, t);
        const value = gpu.tidy(loss);
        sides.push(...(await gpu.readMany([value])));
        gpu.dispose([t, value]);
      }
      slope.push((at(sides, 0) - at(sides, 1)) / (2 * h));
    }
    gpu.assign(v, at(initial, k));
    expectClose(await gpu.read(out.grads[k]!), slope, 2e-3);
  }
  gpu.dispose([out.loss, ...out.grads.filter((g) => g !== null)]);
  for (const v of vars) v.dispose();
  expect(gpu.memory().numTensors).toBe(before);
});

test('maximum: a tie sends the gradient to the first operand', async () => {
  const a = gpu.variable(gpu.ones([2]));
  const b = gpu.variable(gpu.ones([2]));
  const { grads } = gpu.valueAndGrads(() => ({ loss: gpu.sum(gpu.maximum(a, b)) }), [a, b]);
  expect([...(await gpu.read(grads[0]!)), ...(await gpu.read(grads[1]!))]).toEqual([1, 1, 0, 0]);
});
