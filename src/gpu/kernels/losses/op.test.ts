import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import {
  bceCpu,
  crossEntropyCpu,
  distributionFocalCpu,
  focalCpu,
  giouCpu,
  iouCpu,
  qualityFocalCpu,
  smoothL1Cpu,
} from './op.cpu.ts';
import { at } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const total = (v: Float64Array): number => v.reduce((a, b) => a + b, 0);
const ones = (n: number): number[] => new Array<number>(n).fill(1);

interface Case {
  pred: ArrayLike<number>;
  shape: number[];
  run: (pred: gpu.Tensor, reduction?: gpu.LossReduction) => gpu.Tensor;
  reference: (pred: ArrayLike<number>) => Float64Array;
}

// Every loss: sum, scaled sum, single values, and the gradients of all three.
async function check(c: Case): Promise<void> {
  const pred = gpu.variable(gpu.tensor(Float32Array.from(c.pred), c.shape));
  const before = gpu.memory().numTensors;
  const slope = numericalGrad((v) => total(c.reference(v)), c.pred);
  const expected = c.reference(c.pred);

  const summed = gpu.valueAndGrads(() => ({ loss: c.run(pred) }), [pred]);
  expectClose(await gpu.read(summed.loss), [total(expected)], 1e-5);
  expectClose(await gpu.read(summed.grads[0]!), slope, 2e-5);

  const divisor = gpu.tensor([7], []);
  for (const d of [7, divisor]) {
    const reduction = { factor: 2.5, divisor: d, epsilon: 0.5 };
    const scaled = gpu.valueAndGrads(() => ({ loss: c.run(pred, reduction) }), [pred]);
    expectClose(await gpu.read(scaled.loss), [(2.5 * total(expected)) / 7.5], 1e-5);
    expectClose(
      await gpu.read(scaled.grads[0]!),
      slope.map((v) => (2.5 * v) / 7.5),
      2e-5,
    );
    gpu.dispose([scaled.loss, ...scaled.grads.filter((g) => g !== null)]);
  }

  const dyv = values(expected.length, 4);
  const apart = gpu.valueAndGrads(() => {
    const loss = c.run(pred, { isElementwise: true, factor: 3 });
    return { loss: gpu.sum(gpu.mul(loss, gpu.tensor(dyv, loss.shape))), aux: [loss] };
  }, [pred]);
  expectClose(
    await gpu.read(at(apart.aux, 0)),
    expected.map((v) => 3 * v),
    1e-5,
  );
  const weighted = numericalGrad((v) => total(c.reference(v).map((x, i) => 3 * x * at(dyv, i))), c.pred);
  expectClose(await gpu.read(apart.grads[0]!), weighted, 2e-5);
  gpu.dispose([divisor, summed, apart].map((t) => ('loss' in t ? [t.loss, t.grads[0]!] : t)));
  gpu.dispose(apart.aux);
  expect(gpu.memory().numTensors).toBe(before);
}

test.each([
  [1, 1, 2, 'none'],
  [7, 3, 2, 'row'],
  [130, 5, 1.5, 'element'],
  [7, 3, 0, 'row'],
] as const)('sigmoidFocalLoss: N %i, K %i, gamma %d, weights %s', async (n, k, gamma, layout) => {
  const options = { gamma, alpha: 0.25 };
  const pred = values(n * k).map((v) => v * 8);
  const labels = Int32Array.from({ length: n }, (_, i) => i % (k + 1));
  const [wv, rows] = [values(n * k, 2), values(n, 3)];
  const each = Array.from(pred, (_, i) =>
    layout === 'none' ? 1 : layout === 'row' ? at(rows, Math.floor(i / k)) : at(wv, i),
  );
  const weights =
    layout === 'none' ? null : layout === 'row' ? gpu.tensor(rows, [n]) : gpu.tensor(wv, [n, k]);
  const target = gpu.tensor(labels, [n]);
  await check({
    pred,
    shape: [n, k],
    run: (x, reduction) => gpu.sigmoidFocalLoss(x, target, weights, options, reduction),
    reference: (v) => focalCpu(v, labels, each, options),
  });
});

test.each([
  [1, 1, 2, 'none'],
  [7, 3, 2, 'row'],
  [130, 5, 1.5, 'element'],
] as const)('qualityFocalLoss: N %i, K %i, beta %d, weights %s', async (n, k, beta, layout) => {
  const pred = values(n * k).map((v) => v * 8);
  const labels = Int32Array.from({ length: n }, (_, i) => i % (k + 1));
  const [wv, rows, quality] = [values(n * k, 2), values(n, 3), values(n, 5).map((v) => (v + 1) / 2)];
  const each = Array.from(pred, (_, i) =>
    layout === 'none' ? 1 : layout === 'row' ? at(rows, Math.floor(i / k)) : at(wv, i),
  );
  const weights =
    layout === 'none' ? null : layout === 'row' ? gpu.tensor(rows, [n]) : gpu.tensor(wv, [n, k]);
  const [target, goal] = [gpu.tensor(labels, [n]), gpu.tensor(quality, [n])];
  await check({
    pred,
    shape: [n, k],
    run: (x, reduction) => gpu.qualityFocalLoss(x, target, goal, weights, beta, reduction),
    reference: (v) => qualityFocalCpu(v, labels, quality, each, beta),
  });
});

test.each([
  [1, 2, false],
  [37, 11, true],
])('distributionFocalLoss: N %i, %i places, weights %s', async (n, k, hasWeights) => {
  const pred = values(n * k).map((v) => v * 5);
  const goal = values(n, 2).map((v) => ((v + 1) / 2) * (k - 1));
  goal[0] = k - 1;
  const wv = values(n, 3);
  const target = gpu.tensor(goal, [n]);
  const weights = hasWeights ? gpu.tensor(wv, [n]) : null;
  await check({
    pred,
    shape: [n, k],
    run: (x, reduction) => gpu.distributionFocalLoss(x, target, weights, reduction),
    reference: (v) => distributionFocalCpu(v, goal, hasWeights ? wv : ones(n)),
  });
});

test('qualityFocalLoss: huge logits stay finite', async () => {
  const x = gpu.variable(gpu.tensor([1e4, -1e4, 300, -300], [4, 1]));
  const labels = gpu.tensor(Int32Array.of(0, 0, 1, 1), [4]);
  const quality = gpu.tensor([1, 1, 1, 1], [4]);
  const out = gpu.valueAndGrads(() => {
    const loss = gpu.qualityFocalLoss(x, labels, quality, null, 2, { isElementwise: true });
    return { loss: gpu.sum(loss), aux: [loss] };
  }, [x]);
  expectClose(await gpu.read(at(out.aux, 0)), [0, 1e4, 300, 0], 1e-6);
  expectClose(await gpu.read(out.grads[0]!), [0, -1, 1, 0], 1e-6);
});

test('sigmoidFocalLoss: huge logits stay finite', async () => {
  const x = gpu.variable(gpu.tensor([1e4, -1e4, 300, -300], [4, 1]));
  const labels = gpu.tensor(Int32Array.of(0, 0, 1, 1), [4]);
  const out = gpu.valueAndGrads(() => {
    const loss = gpu.sigmoidFocalLoss(x, labels, null, { gamma: 2, alpha: 0.25 }, { isElementwise: true });
    return { loss: gpu.sum(loss), aux: [loss] };
  }, [x]);
  expectClose(await gpu.read(at(out.aux, 0)), [0, 2500, 225, 0], 1e-6);
  expectClose(await gpu.read(out.grads[0]!), [0, -0.25, 0.75, 0], 1e-6);
});

test.each([['none'], ['row'], ['element']] as const)(
  'smoothL1Loss and l1Loss: weights %s',
  async (layout) => {
    const [n, k] = [101, 3];
    const [pred, tv, wv, rows] = [values(n * k, 1), values(n * k, 2), values(n * k, 3), values(n, 4)];
    const each = Array.from(pred, (_, i) =>
      layout === 'none' ? 1 : layout === 'row' ? at(rows, Math.floor(i / k)) : at(wv, i),
    );
    const target = gpu.tensor(tv, [n, k]);
    const weights =
      layout === 'none' ? null : layout === 'row' ? gpu.tensor(rows, [n]) : gpu.tensor(wv, [n, k]);
    await check({
      pred,
      shape: [n, k],
      run: (x, reduction) => gpu.smoothL1Loss(x, target, weights, 0.4, reduction),
      reference: (v) => smoothL1Cpu(v, tv, each, 0.4),
    });
    await check({
      pred,
      shape: [n, k],
      run: (x, reduction) => gpu.l1Loss(x, target, weights, reduction),
      // smooth L1 with a vanishing beta is L1
      reference: (v) => smoothL1Cpu(v, tv, each, 1e-9),
    });
  },
);

test('l1Loss: the slope at 0 is 0', async () => {
  const pred = gpu.variable(gpu.tensor([1, 2], [2]));
  const out = gpu.valueAndGrads(() => ({ loss: gpu.l1Loss(pred, gpu.tensor([1, 1], [2]), null) }), [pred]);
  expect([...(await gpu.read(out.grads[0]!))]).toEqual([0, 1]);
});

test.each([
  [1, 1, false, false],
  [33, 4, true, true],
  [130, 3, true, false],
])('bceWithLogitsLoss: N %i, K %i, weights %s, pos_weight %s', async (n, k, hasWeights, hasPos) => {
  const pred = values(n * k).map((v) => v * 6);
  const tv = values(n * k, 2).map((v) => (v > 0.3 ? 1 : v > 0 ? v : 0));
  const [wv, pv] = [values(n * k, 3), values(k, 4).map((v) => v + 2)];
  const targets = gpu.tensor(tv, [n, k]);
  const weights = hasWeights ? gpu.tensor(wv, [n, k]) : null;
  const posWeight = hasPos ? gpu.tensor(pv, [k]) : null;
  await check({
    pred,
    shape: [n, k],
    run: (x, reduction) => gpu.bceWithLogitsLoss(x, targets, weights, posWeight, reduction),
    reference: (v) => bceCpu(v, tv, hasWeights ? wv : ones(n * k), hasPos ? pv : ones(k)),
  });
});

test.each([
  [1, 2, false, false],
  [37, 5, true, true],
  [70, 3, true, false],
])('softmaxCrossEntropyLoss: N %i, K %i, weights %s, class_weight %s', async (n, k, hasWeights, hasClass) => {
  const pred = values(n * k).map((v) => v * 5);
  const labels = Int32Array.from({ length: n }, (_, i) => (i % 7 === 3 ? 255 : i % k));
  const [wv, cv] = [values(n, 3), values(k, 4).map((v) => v + 2)];
  const target = gpu.tensor(labels, [n]);
  const weights = hasWeights ? gpu.tensor(wv, [n]) : null;
  const classWeight = hasClass ? gpu.tensor(cv, [k]) : null;
  const options = { classWeight, ignoreIndex: 255 };
  await check({
    pred,
    shape: [n, k],
    run: (x, reduction) => gpu.softmaxCrossEntropyLoss(x, target, weights, options, reduction),
    reference: (v) => crossEntropyCpu(v, labels, hasWeights ? wv : ones(n), hasClass ? cv : ones(k), 255),
  });
});

test('softmaxCrossEntropyLoss: huge logits stay finite', async () => {
  const x = gpu.tensor([1e4, 0, -1e4, 300, 0, 300], [2, 3]);
  const loss = gpu.softmaxCrossEntropyLoss(x, gpu.tensor(Int32Array.of(1, 0), [2]), null);
  expectClose(await gpu.read(loss), [1e4 + Math.log(2)], 1e-6);
});

// Boxes of positive size, most of them overlapping, some apart.
function boxes(n: number, seed: number): Float32Array {
  const v = values(n * 4, seed);
  return v.map((_, i) => (i % 4 < 2 ? 4 * at(v, i) : 4 * at(v, i - 2) + 3 + 2 * at(v, i)));
}

test.each([
  ['log', 'none'],
  ['linear', 'box'],
  ['square', 'coordinates'],
  ['giou', 'none'],
  ['giou', 'coordinates'],
] as const)('iouLoss and giouLoss: %s, weights %s', async (mode, layout) => {
  const n = 70;
  const [pred, tv] = [boxes(n, 1), boxes(n, 2)];
  const wv = values(n * 4, 3).map((v) => v + 1.5);
  const each = Array.from({ length: n }, (_, i) => {
    if (layout === 'none') return 1;
    if (layout === 'box') return at(wv, i);
    return (at(wv, i * 4) + at(wv, i * 4 + 1) + at(wv, i * 4 + 2) + at(wv, i * 4 + 3)) / 4;
  });
  const target = gpu.tensor(tv, [n, 4]);
  const weights =
    layout === 'none' ? null : layout === 'box' ? gpu.tensor(wv.subarray(0, n), [n]) : gpu.tensor(wv, [n, 4]);
  await check({
    pred,
    shape: [n, 4],
    run: (x, reduction) =>
      mode === 'giou'
        ? gpu.giouLoss(x, target, weights, 1e-6, reduction)
        : gpu.iouLoss(x, target, weights, mode, 1e-6, reduction),
    reference: (v) => (mode === 'giou' ? giouCpu(v, tv, each, 1e-6) : iouCpu(v, tv, each, mode, 1e-6)),
  });
});

test('iouLoss: equal corners share the gradient, boxes apart have none, NaN shows', async () => {
  const pred = gpu.variable(gpu.tensor([0, 0, 2, 2, 0, 0, 1, 1, NaN, 0, 1, 1], [3, 4]));
  const target = gpu.tensor([0, 0, 2, 2, 5, 5, 6, 6, 0, 0, 1, 1], [3, 4]);
  const out = gpu.valueAndGrads(() => {
    const loss = gpu.iouLoss(pred, target, null, 'linear', 1e-6, { isElementwise: true });
    return { loss: gpu.sum(loss), aux: [loss] };
  }, [pred]);
  const loss = await gpu.read(at(out.aux, 0));
  expectClose(loss.subarray(0, 2), [0, 1], 1e-5);
  expect(loss[2]).toBeNaN();
  // d IoU / d x2 = (h / 2 - (h - h / 2)) / 4 = 0 at a tie: growing and shrinking cost the same.
  const grads = [...(await gpu.read(out.grads[0]!))];
  expectClose(grads.slice(0, 8), new Array<number>(8).fill(0), 1e-6);
  expect(grads[8]).toBeNaN();
});

test('more values than all summing threads hold at once: right, and the same bits every time', async () => {
  const n = 70_001;
  const pred = gpu.tensor(values(n, 1), [n, 1]);
  const target = gpu.tensor(values(n, 2), [n, 1]);
  const run = async (): Promise<number> => at(await gpu.read(gpu.l1Loss(pred, target, null)), 0);
  const first = await run();
  expectClose([first], [total(smoothL1Cpu(values(n, 1), values(n, 2), ones(n), 1e-12))], 1e-6);
  expect([await run(), await run()]).toEqual([first, first]);
});

test('a loss of nothing is 0', async () => {
  const pred = gpu.variable(gpu.tensor([], [0, 4]));
  const out = gpu.valueAndGrads(() => ({ loss: gpu.l1Loss(pred, gpu.tensor([], [0, 4]), null) }), [pred]);
  expect([...(await gpu.read(out.loss))]).toEqual([0]);
  expect(out.grads[0]?.shape).toEqual([0, 4]);
});
