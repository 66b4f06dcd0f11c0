import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { batchNormCpu, statisticsCpu } from './op.cpu.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const EPS = 1e-5;

test.each([
  [[2, 3, 5, 4], true],
  [[1, 7, 3, 3], false],
  [[1, 4, 1, 1], false],
  [[3, 5, 2, 8], true],
] as const)(
  'batchNormTrain: %j relu %s equals the reference and finite differences',
  async (shape, hasRelu) => {
    const c = shape[3];
    const size = shape.reduce<number>((a, b) => a * b, 1);
    const xv = values(size, 1).map((v) => v * 2 + 0.5);
    const gv = values(c, 2).map((v) => v + 1.5);
    const bv = values(c, 3);
    const dyv = values(size, 4);
    const loss = (x: ArrayLike<number>, gamma: ArrayLike<number>, beta: ArrayLike<number>): number => {
      const { mean, variance } = statisticsCpu(x, c);
      return batchNormCpu(x, mean, variance, { gamma, beta, eps: EPS, hasRelu }).reduce(
        (s, v, i) => s + v * dyv[i],
        0,
      );
    };
    const vars = [
      gpu.variable(gpu.tensor(xv, shape)),
      gpu.variable(gpu.tensor(gv, [c])),
      gpu.variable(gpu.tensor(bv, [c])),
    ];
    const dy = gpu.tensor(dyv, shape);
    const before = gpu.memory().numTensors;
    const out = gpu.valueAndGrads(() => {
      const { y, mean, variance } = gpu.batchNormTrain(
        vars[0],
        vars[1],
        vars[2],
        EPS,
        hasRelu ? 'relu' : undefined,
      );
      return { loss: gpu.sum(gpu.mul(y, dy)), aux: [y, mean, variance] };
    }, vars);
    expect(gpu.memory().numTensors).toBe(before + 7);
    const { mean, variance } = statisticsCpu(xv, c);
    expectClose(await gpu.read(out.aux[1]), mean, 1e-5);
    expectClose(await gpu.read(out.aux[2]), variance, 1e-5);
    expectClose(
      await gpu.read(out.aux[0]),
      batchNormCpu(xv, mean, variance, { gamma: gv, beta: bv, eps: EPS, hasRelu }),
      1e-5,
    );
    expectClose(
      await gpu.read(out.grads[0]!),
      numericalGrad((x) => loss(x, gv, bv), xv),
      2e-5,
    );
    expectClose(
      await gpu.read(out.grads[1]!),
      numericalGrad((g) => loss(xv, g, bv), gv),
      1e-5,
    );
    expectClose(
      await gpu.read(out.grads[2]!),
      numericalGrad((b) => loss(xv, gv, b), bv),
      1e-5,
    );
  },
);

test('batchNormEval: gradients by given statistics', async () => {
  const c = 4;
  const [xv, gv, bv, mv, dyv] = [values(40, 1), values(c, 2), values(c, 3), values(c, 4), values(40, 5)];
  const vv = values(c, 6).map((v) => v + 1.2);
  const loss = (x: ArrayLike<number>, gamma: ArrayLike<number>): number =>
    batchNormCpu(x, mv, vv, { gamma, beta: bv, eps: EPS, hasRelu: true }).reduce(
      (s, v, i) => s + v * dyv[i],
      0,
    );
  const x = gpu.variable(gpu.tensor(xv, [1, 2, 5, c]));
  const gamma = gpu.variable(gpu.tensor(gv, [c]));
  const out = gpu.valueAndGrads(() => {
    const [mean, variance, beta] = [mv, vv, bv].map((v) => gpu.tensor(v, [c]));
    const y = gpu.batchNormEval(x, mean, variance, gamma, beta, EPS, 'relu');
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, x.shape))) };
  }, [x, gamma]);
  expectClose(
    await gpu.read(out.grads[0]!),
    numericalGrad((v) => loss(v, gv), xv),
    1e-5,
  );
  expectClose(
    await gpu.read(out.grads[1]!),
    numericalGrad((v) => loss(xv, v), gv),
    1e-5,
  );
});

test('batchNormTrain: a large mean does not spoil the variance, over many chunks', async () => {
  const c = 5;
  const rows = 128 * 40 + 3;
  const xv = values(rows * c, 9).map((v) => v + 1000);
  const { variance } = statisticsCpu(xv, c);
  const one = gpu.ones([c]);
  const out = gpu.batchNormTrain(gpu.tensor(xv, [1, 1, rows, c]), one, one, EPS);
  expectClose(await gpu.read(out.variance), variance, 1e-4);
});
