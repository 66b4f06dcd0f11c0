import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { at as itemAt } from '../../../util/at.ts';
import { resizeCpu, resizeGradCpu } from './op.cpu.ts';
import type { ResizeOptions } from './op.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const CASES: readonly (readonly [readonly number[], readonly [number, number], ResizeOptions])[] = [
  [[2, 5, 7, 4], [10, 14], {}],
  [[2, 5, 7, 3], [10, 14], { scale: [2, 2] }],
  [[1, 13, 13, 4], [6, 6], { scale: [0.5, 0.5] }],
  [[1, 13, 9, 1], [6, 4], {}],
  [[2, 3, 4, 8], [7, 11], {}],
  [[1, 3, 4, 2], [7, 11], { alignCorners: true }],
  [[1, 1, 6, 4], [5, 1], { alignCorners: true }],
  [[1, 8, 8, 4], [3, 2], { alignCorners: true }],
  [[1, 4, 4, 4], [1, 1], {}],
  [[1, 1, 1, 4], [3, 5], {}],
];

test.each(CASES)(
  '%j to %j %o: equals the reference, and so does its gradient',
  async (shape, size, options) => {
    const xv = values(
      shape.reduce((a, b) => a * b, 1),
      1,
    );
    const x = gpu.variable(gpu.tensor(xv, shape));
    const expected = resizeCpu(xv, shape, size, options);
    const dyv = values(expected.length, 2);
    const { aux, grads } = gpu.valueAndGrads(() => {
      const y = gpu.resizeBilinear2d(x, size, options);
      return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, y.shape))), aux: [y] };
    }, [x]);
    expectClose(await gpu.read(itemAt(aux, 0)), expected);
    expectClose(await gpu.read(itemAt(grads, 0)!), resizeGradCpu(dyv, shape, size, options));
  },
);

test('as torch 1.13: interpolate of 0..5 by 2, and by 0.5', async () => {
  const x = gpu.tensor(Float32Array.of(0, 1, 2, 3, 4, 5), [1, 2, 3, 1]);
  const twice = await gpu.read(gpu.resizeBilinear2d(x, [4, 6], { scale: [2, 2] }));
  expect([...twice].slice(0, 12)).toEqual([0, 0.25, 0.75, 1.25, 1.75, 2, 0.75, 1, 1.5, 2, 2.5, 2.75]);
  const half = await gpu.read(gpu.resizeBilinear2d(x, [1, 1], { scale: [0.5, 0.5] }));
  expect([...half]).toEqual([2]);
});
