// More than 65,535 workgroups, the most along one axis of a dispatch: long thin tensors, whose results are known without a
// reference. Convolutions forward are in conv2d/op.test.ts, elementary ops in ../ops/ops.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { setVariantChoices } from '../dispatch/variantChoice.ts';
import { convFilterGrad } from './conv2d/op.ts';
import { convShape } from './conv2d/shape.ts';
import { convTraits, variantKey, variants } from './conv2d/variants.ts';
import { at as itemAt, take } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

/** A thread for each: more workgroups than fit along one axis. No multiple of 4, so that none takes four. */
const MANY = 65_536 * 64 + 3;

/** 1, 2, 3, 1… and the like: small whole numbers, whose sums are exact. */
const pattern = (size: number, period: number, shift = 0): Float32Array =>
  new Float32Array(size).map((_, i) => ((i + shift) % period) + 1);

/** Expect every value to be near f(index); told by the first that is not. */
function expectAll(actual: ArrayLike<number>, f: (i: number) => number, tolerance = 1e-5): void {
  let at = 0;
  while (at < actual.length && Math.abs(itemAt(actual, at) - f(at)) <= tolerance) at += 1;
  expect(at === actual.length ? 'all' : `at ${at}: ${actual[at]}, not ${f(at)}`).toBe('all');
}

async function gradsOf(
  f: () => gpu.Tensor,
  dy: gpu.Tensor,
  vars: gpu.Variable[],
): Promise<ArrayLike<number>[]> {
  const out = gpu.valueAndGrads(() => ({ loss: gpu.sum(gpu.mul(f(), dy)) }), vars);
  const values = await Promise.all(out.grads.map((grad) => gpu.read(grad!)));
  gpu.dispose([out.loss, ...out.grads.filter((grad) => grad !== null)]);
  return values;
}

test('batch norm over two rows of many channels', async () => {
  // Rows 1 and 5 give mean 3, variance 4, and y = -1 and 1.
  const x = gpu.variable(
    gpu.tensor(
      new Float32Array(2 * MANY).map((_, i) => (i < MANY ? 1 : 5)),
      [2, MANY],
    ),
  );
  const [gamma, beta] = [gpu.variable(gpu.fill([MANY], 3)), gpu.variable(gpu.ones([MANY]))];
  const { y, mean, variance } = gpu.batchNormTrain(x, gamma, beta, 0);
  expectAll(await gpu.read(mean), () => 3);
  expectAll(await gpu.read(variance), () => 4);
  expectAll(await gpu.read(y), (i) => (i < MANY ? -2 : 4));
  gpu.dispose([y, mean, variance]);
  const dy = gpu.tensor(pattern(2 * MANY, 3), [2, MANY]);
  const norm = (): gpu.Tensor => gpu.batchNormTrain(x, gamma, beta, 0).y;
  const [dx, dGamma, dBeta] = take(await gradsOf(norm, dy, [x, gamma, beta]), 3);
  const [d0, d1] = [(i: number): number => (i % 3) + 1, (i: number): number => ((i + MANY) % 3) + 1];
  // Of two values each dy is made of its mean and its share along xhat: nothing is left.
  expectAll(dx, () => 0);
  expectAll(dGamma, (i) => d1(i) - d0(i));
  expectAll(dBeta, (i) => d0(i) + d1(i));
  gpu.dispose([x, gamma, beta, dy]);
}, 120_000);

test('group norm of many pictures of one pixel', async () => {
  const pictures = Math.ceil(MANY / 2);
  // Channels 0 and 2 of one group: mean 1, variance 1.
  const x = gpu.variable(
    gpu.tensor(
      new Float32Array(2 * pictures).map((_, i) => 2 * (i % 2)),
      [pictures, 1, 2],
    ),
  );
  const [gamma, beta] = [gpu.variable(gpu.ones([2])), gpu.variable(gpu.zeros([2]))];
  const dy = gpu.ones([pictures, 1, 2]);
  const norm = (): gpu.Tensor => gpu.groupNorm(x, 1, gamma, beta, 0);
  expectAll(await gpu.read(norm()), (i) => 2 * (i % 2) - 1);
  const [dx, dGamma, dBeta] = take(await gradsOf(norm, dy, [x, gamma, beta]), 3);
  expectAll(dx, () => 0);
  expectAll(dGamma, (i) => (i === 0 ? -pictures : pictures));
  expectAll(dBeta, () => pictures);
  gpu.dispose([x, gamma, beta, dy]);
}, 120_000);

test('max pooling of a column of many pixels', async () => {
  // Windows of two pixels, of which the second is larger, then the first.
  const values = new Float32Array(2 * MANY).map((_, i) => itemAt([1, 2, 4, 3], i % 4));
  const x = gpu.variable(gpu.tensor(values, [1, 2 * MANY, 1, 1]));
  const dy = gpu.tensor(pattern(MANY, 5), [1, MANY, 1, 1]);
  const pool = (): gpu.Tensor => gpu.maxPool2d(x, [2, 1], [2, 1], [0, 0]);
  const y = pool();
  expectAll(await gpu.read(y), (i) => (i % 2 === 0 ? 2 : 4));
  const [dx] = take(await gradsOf(pool, dy, [x]), 1);
  expectAll(dx, (i) => ([1, 2].includes(i % 4) ? (Math.floor(i / 2) % 5) + 1 : 0));
  gpu.dispose([x, dy, y]);
}, 120_000);

test('nearest upsampling of many pictures of one pixel', async () => {
  const half = Math.ceil(MANY / 2);
  const x = gpu.variable(gpu.tensor(pattern(half, 7), [half, 1, 1, 1]));
  const up = (): gpu.Tensor => gpu.upsampleNearest2d(x, [2, 1]);
  const y = up();
  expectAll(await gpu.read(y), (i) => (Math.floor(i / 2) % 7) + 1);
  const dy = gpu.tensor(pattern(2 * half, 3), [half, 2, 1, 1]);
  const [dx] = take(await gradsOf(up, dy, [x]), 1);
  expectAll(dx, (i) => ((2 * i) % 3) + ((2 * i + 1) % 3) + 2);
  gpu.dispose([x, y, dy]);
}, 120_000);

test('losses of many values: one by one, summed, and their gradients', async () => {
  const pred = gpu.variable(gpu.tensor(pattern(MANY, 4), [MANY]));
  const target = gpu.zeros([MANY]);
  const each = gpu.l1Loss(pred, target, null, { isElementwise: true });
  expectAll(await gpu.read(each), (i) => (i % 4) + 1);
  const mean = gpu.l1Loss(pred, target, null, { divisor: MANY });
  expect((await gpu.read(mean))[0]).toBeCloseTo(2.5, 3);
  gpu.dispose([each, mean]);
  const dy = gpu.tensor(pattern(MANY, 3), [MANY]);
  const [apart] = take(
    await gradsOf(() => gpu.l1Loss(pred, target, null, { isElementwise: true }), dy, [pred]),
    1,
  );
  expectAll(apart, (i) => (i % 3) + 1);
  const two = gpu.fill([], 2);
  const [summed] = take(await gradsOf(() => gpu.l1Loss(pred, target, null), two, [pred]), 1);
  expectAll(summed, () => 2);
  gpu.dispose([pred, target, dy, two]);
}, 120_000);

test('softmax of many rows', async () => {
  const x = gpu.variable(gpu.ones([MANY, 1]));
  const dy = gpu.ones([MANY, 1]);
  const y = gpu.softmax(x);
  expectAll(await gpu.read(y), () => 1);
  const [dx] = take(await gradsOf(() => gpu.softmax(x), dy, [x]), 1);
  expectAll(dx, () => 0);
  gpu.dispose([x, y, dy]);
}, 120_000);

test('filter gradients of many weights: one a channel, and by each variant from many channels to one', async () => {
  const x = gpu.tensor(pattern(MANY, 5), [1, 1, 1, MANY]);
  const dyEach = gpu.tensor(pattern(MANY, 3), [1, 1, 1, MANY]);
  const perChannel = convShape([1, 1, 1, MANY], [1, 1, 1, MANY], { groups: MANY });
  const apart = convFilterGrad(perChannel, x, dyEach);
  expectAll(await gpu.read(apart), (i) => ((i % 5) + 1) * ((i % 3) + 1));
  gpu.dispose([x, dyEach, apart]);
  const channels = 4 * Math.ceil(MANY / 4);
  const shape = convShape([1, 1, 1, channels], [1, 1, channels, 1], {});
  const wide = gpu.tensor(pattern(channels, 5), [1, 1, 1, channels]);
  const dy = gpu.fill([1, 1, 1, 1], 3);
  for (const { name } of variants('filterGrad', shape, convTraits())) {
    // Barriers: 17 s on a software adapter, which never chooses it. Its grid is in conv2d/variants.test.ts.
    if (name === 'tiled' && gpu.adapterInfo().isSoftware) continue;
    setVariantChoices({ [variantKey('filterGrad', shape)]: name });
    const dw = convFilterGrad(shape, wide, dy);
    expectAll(await gpu.read(dw), (i) => 3 * ((i % 5) + 1));
    dw.dispose();
  }
  setVariantChoices({});
  gpu.dispose([wide, dy]);
}, 120_000);
