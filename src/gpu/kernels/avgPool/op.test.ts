import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, numericalGrad, values } from '../../testing/numbers.ts';
import { at as itemAt } from '../../../util/at.ts';
import { poolShape } from '../maxPool/op.ts';
import { avgPoolCpu, avgPoolGradCpu } from './op.cpu.ts';
import type { AvgPoolOptions } from './op.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const CASES: readonly (readonly [readonly number[], readonly [number, number], AvgPoolOptions])[] = [
  [[1, 1, 1, 1], [1, 1], {}],
  [[2, 8, 6, 4], [2, 2], {}],
  [[2, 9, 7, 3], [2, 2], { ceilMode: true, countIncludePad: false }],
  [[1, 7, 8, 4], [3, 3], { stride: [1, 1], padding: [1, 1] }],
  [[1, 7, 8, 4], [3, 3], { stride: [2, 2], padding: [1, 1] }],
  [[1, 8, 7, 4], [3, 3], { stride: [2, 2], padding: [1, 1], ceilMode: true, countIncludePad: false }],
  [[1, 8, 7, 2], [3, 2], { stride: [2, 3], padding: [1, 0], ceilMode: true }],
  [[1, 6, 5, 4], [2, 2], { stride: [3, 3], ceilMode: true }],
];

test.each(CASES)('avgPool2d: %j kernel %j %o', async (dims, kernel, options) => {
  const { stride = kernel, padding = [0, 0], ceilMode = false, countIncludePad = true } = options;
  const shape = poolShape(dims, kernel, stride, padding, ceilMode);
  const xv = values(dims.reduce((a, b) => a * b, 1));
  const expected = avgPoolCpu(shape, countIncludePad, xv);
  const dyv = values(expected.length, 2);
  const x = gpu.variable(gpu.tensor(xv, dims));
  const { aux, grads } = gpu.valueAndGrads(() => {
    const y = gpu.avgPool2d(x, kernel, options);
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, y.shape))), aux: [y] };
  }, [x]);
  expectClose(await gpu.read(itemAt(aux, 0)), expected);
  const dx = avgPoolGradCpu(shape, countIncludePad, dyv);
  expectClose(await gpu.read(itemAt(grads, 0)!), dx);
  const loss = (at: ArrayLike<number>): number =>
    avgPoolCpu(shape, countIncludePad, at).reduce((sum, v, i) => sum + v * itemAt(dyv, i), 0);
  expectClose(dx, numericalGrad(loss, xv), 1e-8);
});

test('as torch: a row of 1 to 5, kernel 2, rounded up, with and without the padding', async () => {
  const x = gpu.tensor([1, 2, 3, 4, 5], [1, 1, 5, 1]);
  const pool = async (options: AvgPoolOptions): Promise<number[]> => [
    ...(await gpu.read(gpu.avgPool2d(x, [1, 2], options))),
  ];
  expect(await pool({ ceilMode: true })).toEqual([1.5, 3.5, 5]);
  expect(await pool({ stride: [1, 2], padding: [0, 1] })).toEqual([0.5, 2.5, 4.5]);
  expect(await pool({ stride: [1, 2], padding: [0, 1], countIncludePad: false })).toEqual([1, 2.5, 4.5]);
});
