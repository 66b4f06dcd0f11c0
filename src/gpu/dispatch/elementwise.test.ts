import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { take } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test('runElementwise: updates several tensors in place with uniforms and a scalar tensor', async () => {
  const p = gpu.variable(gpu.tensor([1, 2, 3], [3]));
  const m = gpu.zerosLike(p);
  const g = gpu.tensor([1, 1, 2], [3]);
  const factor = gpu.scalar(0.5);
  const before = gpu.memory().numTensors;
  for (const lr of [1, 2])
    gpu.runElementwise({
      name: 'test',
      body: 'm = u.mu * m + factor * g; p = p - u.lr * m;',
      reads: { g },
      scalars: { factor },
      writes: { p, m },
      uniforms: { lr, mu: 0.5 },
    });
  // m: .5 .5 1 -> .75 .75 1.5; p: .5 1.5 2 -> -1 0 -1
  expect([...(await gpu.read(m))]).toEqual([0.75, 0.75, 1.5]);
  expect([...(await gpu.read(p))]).toEqual([-1, 0, -1]);
  expect(gpu.memory().numTensors).toBe(before);
});

test('variable: never shares memory with its initial value', async () => {
  const initial = gpu.tensor([1, 2], [2]);
  const a = gpu.variable(initial);
  const b = gpu.variable(a);
  gpu.scaleAll([a], gpu.scalar(3));
  expect([...(await gpu.read(a))]).toEqual([3, 6]);
  expect([...(await gpu.read(b))]).toEqual([1, 2]);
  gpu.assign(b, a);
  gpu.addInto(a, b);
  expect([...(await gpu.read(a))]).toEqual([6, 12]);
  expect([...(await gpu.read(b))]).toEqual([3, 6]);
  expect([...(await gpu.read(initial))]).toEqual([1, 2]);
});

test.each([1, 2, 3, Infinity])('globalNorm: p = %s over tensors of any size', async (p) => {
  const sizes = [1, 255, 257, 70_001];
  const values = sizes.map((n, k) =>
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.7 + k) * (k + 1)),
  );
  const tensors = values.map((v) => gpu.tensor(v, [v.length]));
  const flat = values.flatMap((v) => [...v].map(Math.abs));
  const expected =
    p === Infinity ? flat.reduce((a, b) => Math.max(a, b)) : flat.reduce((a, b) => a + b ** p, 0) ** (1 / p);
  const [norm] = take(await gpu.readMany([gpu.globalNorm(tensors, p)]), 1);
  expect(Math.abs(norm / expected - 1)).toBeLessThan(1e-5);
});

test('globalNorm: NaN shows, empty list is 0', async () => {
  const bad = gpu.tensor([1, NaN, 2], [3]);
  const [inf, two, none] = await gpu.readMany([
    gpu.globalNorm([bad], Infinity),
    gpu.globalNorm([bad], 2),
    gpu.globalNorm([], 2),
  ]);
  expect([inf, two, none]).toEqual([NaN, NaN, 0]);
});

test('scaleAll: gradients that share memory are scaled once; more than 65,535 workgroups work', async () => {
  const a = gpu.ones([65_536 * 64 + 5]);
  const b = gpu.reshape(a, [1, a.size]);
  gpu.scaleAll([a, b], gpu.scalar(2));
  const values = await gpu.read(b);
  expect(values.every((v) => v === 2)).toBe(true);
});
