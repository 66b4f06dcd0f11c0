import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { groupNormCpu } from './op.cpu.ts';
import { at } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const EPS = 1e-5;

test.each([
  // vectors of four over group borders, single channels, a picture of one pixel, groups of one channel
  [[2, 3, 3, 12], 4, 'relu'],
  [[3, 2, 5, 6], 2, 'silu'],
  [[2, 1, 1, 10], 2, undefined],
  [[1, 4, 3, 4], 4, { type: 'leaky_relu', slope: 0.2 }],
] as const)('groupNorm: %j in %i groups, %j, equals the reference', async (shape, groups, activation) => {
  const [samples, , , c] = shape;
  const size = shape.reduce<number>((a, b) => a * b, 1);
  const xv = values(size, 1).map((v) => v * 2 + 0.5);
  const [gv, bv, dyv] = [values(c, 2).map((v) => v + 1.5), values(c, 3), values(size, 4)];
  const forward = (x: ArrayLike<number>, gamma: ArrayLike<number>, beta: ArrayLike<number>): Float64Array =>
    groupNormCpu(x, samples, groups, { gamma, beta, eps: EPS, activation });
  const loss = (...args: Parameters<typeof forward>): number =>
    forward(...args).reduce((sum, v, i) => sum + v * at(dyv, i), 0);
  const vars = [xv, gv, bv].map((v, k) => gpu.variable(gpu.tensor(v, k === 0 ? shape : [c])));
  const dy = gpu.tensor(dyv, shape);
  const before = gpu.memory().numTensors;
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.groupNorm(at(vars, 0), groups, at(vars, 1), at(vars, 2), EPS, activation);
    return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y] };
  }, vars);
  expect(gpu.memory().numTensors).toBe(before + 5);
  const [dx, dgamma, dbeta] = await Promise.all(grads.map((g) => g && gpu.read(g)));
  expectClose(await gpu.read(at(aux, 0)), forward(xv, gv, bv), 1e-5);
  const slopes = [
    numericalGrad((v) => loss(v, gv, bv), xv),
    numericalGrad((v) => loss(xv, v, bv), gv),
    numericalGrad((v) => loss(xv, gv, v), bv),
  ];
  expectClose(dx ?? [], at(slopes, 0), 2e-5);
  expectClose(dgamma ?? [], at(slopes, 1), 1e-5);
  expectClose(dbeta ?? [], at(slopes, 2), 1e-5);
});

test('groupNorm: means far from 0 and from each other do not spoil the variance, over many chunks', async () => {
  const [rows, c] = [128 * 20 + 3, 6];
  const xv = values(2 * rows * c, 9).map((v, i) => v + 1000 + (i % c));
  const [gamma, beta] = [gpu.ones([c]), gpu.zeros([c])];
  const y = gpu.groupNorm(gpu.tensor(xv, [2, rows, 1, c]), 2, gamma, beta, EPS);
  const expected = groupNormCpu(xv, 2, 2, { gamma: [1, 1, 1, 1, 1, 1], beta: [0, 0, 0, 0, 0, 0], eps: EPS });
  expectClose(await gpu.read(y), expected, 2e-4);
});
