import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { at } from '../../../util/at.ts';
import { convFilterGradCpu, convForwardCpu, convInputGradCpu } from './op.cpu.ts';
import { transposedShape, type ConvTranspose2dOptions } from './transposed.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const CASES: readonly (readonly [readonly number[], readonly number[], ConvTranspose2dOptions])[] = [
  [[2, 3, 4, 8], [4, 4, 4, 8], { stride: [2, 2], padding: [1, 1] }],
  [[1, 3, 5, 3], [3, 2, 5, 3], { stride: [2, 3], padding: [1, 0], outputPadding: [1, 2] }],
  [[1, 4, 4, 8], [4, 4, 1, 8], { stride: [2, 2], padding: [1, 1], groups: 8 }],
  [[1, 4, 3, 4], [3, 3, 3, 4], { dilation: [2, 1], groups: 2 }],
];

test.each(CASES)('%j by %j %o: values and gradients', async (xShape, wShape, options) => {
  const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
  const shape = transposedShape(xShape, wShape, options);
  const [xv, wv] = [values(size(xShape), 1), values(size(wShape), 2)];
  const expected = convInputGradCpu(shape, xv, wv);
  const dyv = values(expected.length, 3);
  const [x, w] = [gpu.variable(gpu.tensor(xv, xShape)), gpu.variable(gpu.tensor(wv, wShape))];
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.convTranspose2d(x, w, options);
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, y.shape))), aux: [y] };
  }, [x, w]);
  expectClose(await gpu.read(at(aux, 0)), expected);
  expectClose(await gpu.read(at(grads, 0)!), convForwardCpu(shape, dyv, wv, null));
  expectClose(await gpu.read(at(grads, 1)!), convFilterGradCpu(shape, dyv, xv), 5e-6);
});

test('as torch: each input pixel puts its multiple of the filter where its stride leads', async () => {
  const x = gpu.tensor([1, 10], [1, 1, 2, 1]);
  const w = gpu.tensor([1, 2, 3], [1, 3, 1, 1]);
  const y = gpu.convTranspose2d(x, w, { stride: [1, 2] });
  // 1 2 3 . .
  // . . 10 20 30
  expect([...(await gpu.read(y))]).toEqual([1, 2, 13, 20, 30]);
});
