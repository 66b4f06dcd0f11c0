import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { focalCpu, smoothL1Cpu } from './op.cpu.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const total = (v: Float64Array): number => v.reduce((a, b) => a + b, 0);

test.each([
  [1, 1, 2, 'none'],
  [7, 3, 2, 'row'],
  [130, 5, 1.5, 'element'],
  [7, 3, 0, 'row'],
] as const)('sigmoidFocalLoss: N %i, K %i, gamma %d, weights %s', async (n, k, gamma, layout) => {
  const options = { gamma, alpha: 0.25 };
  const xv = values(n * k).map((v) => v * 8);
  const labels = Int32Array.from({ length: n }, (_, i) => i % (k + 1));
  const wv = values(n * k, 2);
  const rows = values(n, 3);
  const each = xv.map((_, i) => (layout === 'none' ? 1 : layout === 'row' ? rows[Math.floor(i / k)] : wv[i]));
  const weights =
    layout === 'none' ? null : layout === 'row' ? gpu.tensor(rows, [n]) : gpu.tensor(wv, [n, k]);
  const x = gpu.variable(gpu.tensor(xv, [n, k]));
  const target = gpu.tensor(labels, [n]);
  const summed = gpu.valueAndGrads(() => ({ loss: gpu.sigmoidFocalLoss(x, target, weights, options) }), [x]);
  const expected = focalCpu(xv, labels, each, options);
  expectClose(await gpu.read(summed.loss), [total(expected)], 1e-5);
  const slope = numericalGrad((v) => total(focalCpu(v, labels, each, options)), xv);
  expectClose(await gpu.read(summed.grads[0]!), slope, 1e-5);
  const dyv = values(n * k, 4);
  const apart = gpu.valueAndGrads(() => {
    const loss = gpu.sigmoidFocalLossElementwise(x, target, weights, options);
    return { loss: gpu.sum(gpu.mul(loss, gpu.tensor(dyv, [n, k]))), aux: [loss] };
  }, [x]);
  expectClose(await gpu.read(apart.aux[0]), expected, 1e-5);
  expectClose(
    await gpu.read(apart.grads[0]!),
    slope.map((v, i) => v * dyv[i]),
    1e-5,
  );
});

test('sigmoidFocalLoss: extreme logits stay finite', async () => {
  const xv = [-200, 200, -90, 90, 0, 30];
  const x = gpu.variable(gpu.tensor(xv, [2, 3]));
  const target = gpu.tensor(Int32Array.of(0, 2), [2]);
  const options = { gamma: 2, alpha: 0.25 };
  const out = gpu.valueAndGrads(() => ({ loss: gpu.sigmoidFocalLoss(x, target, null, options) }), [x]);
  expectClose(await gpu.read(out.loss), [total(focalCpu(xv, [0, 2], [1, 1, 1, 1, 1, 1], options))], 1e-5);
  // Wrong by far: the slope is alpha_t, up for a missed background, down for a missed target. Right by far: 0.
  expectClose(
    await gpu.read(out.grads[0]!),
    [-0.25, 0.75, 0, 0.75, 0.75 * 0.25 * (Math.log(2) + 0.5), 0],
    1e-5,
  );
});

test('smoothL1Loss and l1Loss: values and gradients, with and without weights', async () => {
  const n = 301;
  const [pv, tv, wv] = [values(n, 1), values(n, 2), values(n, 3)];
  const pred = gpu.variable(gpu.tensor(pv, [n]));
  const [target, weight] = [gpu.tensor(tv, [n]), gpu.tensor(wv, [n])];
  const one = wv.map(() => 1);
  const cases = [
    { run: () => gpu.smoothL1Loss(pred, target, weight, 0.4), beta: 0.4, w: wv },
    { run: () => gpu.smoothL1Loss(pred, target, null, 1), beta: 1, w: one },
    // smooth L1 with a vanishing beta is L1
    { run: () => gpu.l1Loss(pred, target, weight), beta: 1e-9, w: wv },
  ];
  for (const { run, beta, w } of cases) {
    const out = gpu.valueAndGrads(() => ({ loss: run() }), [pred]);
    const loss = (p: ArrayLike<number>): number => total(smoothL1Cpu(p, tv, w, beta));
    expectClose(await gpu.read(out.loss), [loss(pv)], 1e-5);
    expectClose(await gpu.read(out.grads[0]!), numericalGrad(loss, pv), 1e-5);
  }
});

test('l1Loss: the slope at 0 is 0', async () => {
  const pred = gpu.variable(gpu.tensor([1, 2], [2]));
  const out = gpu.valueAndGrads(() => ({ loss: gpu.l1Loss(pred, gpu.tensor([1, 1], [2]), null) }), [pred]);
  expect([...(await gpu.read(out.grads[0]!))]).toEqual([0, 1]);
});
