import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { activateCpu } from '../activation.ts';
import { batchNormCpu, statisticsCpu } from './op.cpu.ts';
import { at, take } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const EPS = 1e-5;

test.each([
  [[2, 3, 5, 4], 'relu'],
  [[1, 7, 3, 3], undefined],
  [[1, 4, 1, 1], undefined],
  [[3, 5, 2, 8], 'relu'],
  [[2, 4, 3, 4], { type: 'leaky_relu', slope: 0.1 }],
  [[2, 4, 3, 3], 'hswish'],
] as const)(
  'batchNormTrain: %j %j equals the reference and finite differences',
  async (shape, activation) => {
    const c = shape[3];
    const size = shape.reduce<number>((a, b) => a * b, 1);
    const xv = values(size, 1).map((v) => v * 2 + 0.5);
    const gv = values(c, 2).map((v) => v + 1.5);
    const bv = values(c, 3);
    const dyv = values(size, 4);
    const forward = (
      x: ArrayLike<number>,
      gamma: ArrayLike<number>,
      beta: ArrayLike<number>,
    ): Float64Array => {
      const { mean, variance } = statisticsCpu(x, c);
      return batchNormCpu(x, mean, variance, { gamma, beta, eps: EPS, activation });
    };
    const loss = (...args: Parameters<typeof forward>): number =>
      forward(...args).reduce((sum, v, i) => sum + v * at(dyv, i), 0);
    const vars = [
      gpu.variable(gpu.tensor(xv, shape)),
      gpu.variable(gpu.tensor(gv, [c])),
      gpu.variable(gpu.tensor(bv, [c])),
    ];
    const dy = gpu.tensor(dyv, shape);
    const before = gpu.memory().numTensors;
    const out = gpu.valueAndGrads(() => {
      const { y, mean, variance } = gpu.batchNormTrain(
        at(vars, 0),
        at(vars, 1),
        at(vars, 2),
        EPS,
        activation,
      );
      return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y, mean, variance] };
    }, vars);
    expect(gpu.memory().numTensors).toBe(before + 7);
    const { mean, variance } = statisticsCpu(xv, c);
    expectClose(await gpu.read(at(out.aux, 1)), mean, 1e-5);
    expectClose(await gpu.read(at(out.aux, 2)), variance, 1e-5);
    expectClose(await gpu.read(at(out.aux, 0)), forward(xv, gv, bv), 1e-5);
    const slopes = [
      numericalGrad((x) => loss(x, gv, bv), xv),
      numericalGrad((g) => loss(xv, g, bv), gv),
      numericalGrad((b) => loss(xv, gv, b), bv),
    ];
    for (const [k, grad] of out.grads.entries())
      expectClose(await gpu.read(grad!), at(slopes, k), k === 0 ? 2e-5 : 1e-5);
  },
);

const [MV, VV] = [values(4, 4), values(4, 6).map((v) => v + 1.2)];

test.each([['relu'], ['silu']] as const)(
  'batchNormEval: %s: gradients by given statistics; frozen, by x alone and the same',
  async (activation) => {
    const c = 4;
    const [xv, gv, bv, dyv] = [values(40, 1), values(c, 2), values(c, 3), values(40, 5)];
    const loss = (x: ArrayLike<number>, gamma: ArrayLike<number>): number =>
      batchNormCpu(x, MV, VV, { gamma, beta: bv, eps: EPS, activation }).reduce(
        (s, v, i) => s + v * at(dyv, i),
        0,
      );
    const x = gpu.variable(gpu.tensor(xv, [1, 2, 5, c]));
    const gamma = gpu.variable(gpu.tensor(gv, [c]));
    const run = (isFrozen: boolean): gpu.ValueAndGrads =>
      gpu.valueAndGrads(() => {
        const [mean, variance, beta] = take(
          [MV, VV, bv].map((v) => gpu.tensor(v, [c])),
          3,
        );
        const y = gpu.batchNormEval(x, mean, variance, gamma, beta, EPS, { activation, isFrozen });
        return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, x.shape))) };
      }, [x, gamma]);
    const { grads } = run(false);
    const dx = await gpu.read(grads[0]!);
    expectClose(
      dx,
      numericalGrad((v) => loss(v, gv), xv),
      1e-5,
    );
    expectClose(
      await gpu.read(grads[1]!),
      numericalGrad((v) => loss(xv, v), gv),
      1e-5,
    );
    const frozen = run(true).grads;
    expect(frozen[1]).toBeNull();
    expect([...(await gpu.read(frozen[0]!))]).toEqual([...dx]);
  },
);

test('batchNormTrain: a large mean does not spoil the variance, over many chunks', async () => {
  const c = 5;
  const rows = 128 * 40 + 3;
  const xv = values(rows * c, 9).map((v) => v + 1000);
  const { variance } = statisticsCpu(xv, c);
  const one = gpu.ones([c]);
  const out = gpu.batchNormTrain(gpu.tensor(xv, [1, 1, rows, c]), one, one, EPS);
  expectClose(await gpu.read(out.variance), variance, 1e-4);
});

test.each([[3], [8]])('batchNormTrain: running statistics of %i channels move along, unbiased', async (c) => {
  const rows = 21;
  const xv = values(rows * c, 5);
  const start = { mean: values(c, 6), variance: values(c, 7).map((v) => v + 2) };
  const running = {
    mean: gpu.variable(gpu.tensor(start.mean, [c])),
    variance: gpu.variable(gpu.tensor(start.variance, [c])),
    momentum: 0.1,
  };
  gpu.batchNormTrain(gpu.tensor(xv, [rows, 1, 1, c]), gpu.ones([c]), gpu.zeros([c]), EPS, undefined, running);
  const { mean, variance } = statisticsCpu(xv, c);
  expectClose(
    await gpu.read(running.mean),
    start.mean.map((v, k) => 0.9 * v + 0.1 * at(mean, k)),
  );
  expectClose(
    await gpu.read(running.variance),
    start.variance.map((v, k) => 0.9 * v + (0.1 * at(variance, k) * rows) / (rows - 1)),
  );
});

test.each([
  ['train', 'relu'],
  ['train', undefined],
  ['eval', 'relu'],
  ['frozen', 'relu'],
  ['frozen', { type: 'leaky_relu', slope: 0.1 }],
  ['frozen', undefined],
] as const)('batch norm, %s, %j: a residual is added before the activation', async (mode, activation) => {
  for (const c of [3, 4]) {
    const shape = [2, 3, 3, c];
    const size = 18 * c;
    const [xv, rv, dyv] = [values(size, 1), values(size, 2), values(size, 5)];
    const [gv, bv] = [values(c, 3).map((v) => v + 1.5), values(c, 4)];
    const given = { mean: values(c, 6), variance: values(c, 7).map((v) => v + 1.2) };
    const forward = (x: ArrayLike<number>, residual: ArrayLike<number>): Float64Array => {
      const { mean, variance } = mode === 'train' ? statisticsCpu(x, c) : given;
      const plain = batchNormCpu(x, mean, variance, { gamma: gv, beta: bv, eps: EPS });
      return plain.map((v, i) => activateCpu(activation, v + at(residual, i)));
    };
    const loss = (...args: Parameters<typeof forward>): number =>
      forward(...args).reduce((s, v, i) => s + v * at(dyv, i), 0);
    const vars = [xv, rv].map((v) => gpu.variable(gpu.tensor(v, shape)));
    const { aux, grads } = gpu.valueAndGrads(() => {
      const [gamma, beta, mean, variance] = take(
        [gv, bv, given.mean, given.variance].map((v) => gpu.tensor(v, [c])),
        4,
      );
      const [x, residual] = take(vars, 2);
      const options = { activation, residual, isFrozen: mode === 'frozen' };
      const y =
        mode === 'train'
          ? gpu.batchNormTrain(x, gamma, beta, EPS, activation, null, residual).y
          : gpu.batchNormEval(x, mean, variance, gamma, beta, EPS, options);
      return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, shape))), aux: [y] };
    }, vars);
    expectClose(await gpu.read(at(aux, 0)), forward(xv, rv), 1e-5);
    const slopes = [numericalGrad((v) => loss(v, rv), xv), numericalGrad((v) => loss(xv, v), rv)];
    for (const [k, grad] of grads.entries()) expectClose(await gpu.read(grad!), at(slopes, k), 2e-5);
  }
});
