import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { maxPoolCpu } from './op.cpu.ts';
import { poolShape } from './op.ts';
import { at as itemAt } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [
    [1, 1, 1, 1],
    [1, 1],
    [1, 1],
    [0, 0],
  ],
  [
    [2, 9, 8, 5],
    [3, 3],
    [2, 2],
    [1, 1],
  ],
  [
    [1, 7, 10, 4],
    [2, 3],
    [1, 2],
    [1, 0],
  ],
  [
    [1, 6, 6, 3],
    [2, 2],
    [3, 3],
    [0, 0],
  ],
  [[2, 7, 10, 4], [2, 2], [2, 2], [0, 0], true],
  [[1, 6, 8, 3], [3, 3], [2, 2], [1, 1], true],
  [[1, 5, 6, 4], [2, 2], [4, 4], [1, 1], true],
  [
    [1, 7, 6, 4],
    [13, 13],
    [1, 1],
    [6, 6],
  ],
] as const)('maxPool2d: %j kernel %j stride %j padding %j, rounded up: %j', async (...args) => {
  const [dims, kernel, stride, padding, ceilMode = false] = args;
  const shape = poolShape(dims, kernel, stride, padding, ceilMode);
  const size = dims.reduce<number>((a, b) => a * b, 1);
  // Few distinct values: many ties.
  const xv = values(size).map((v) => Math.round(v * 2));
  const { y, winner } = maxPoolCpu(shape, xv);
  const dyv = values(y.length, 2);
  const x = gpu.variable(gpu.tensor(xv, dims));
  const out = gpu.valueAndGrads(() => {
    const pooled = gpu.maxPool2d(x, kernel, stride, padding, ceilMode);
    return { loss: gpu.sum(gpu.mul(pooled, gpu.tensor(dyv, pooled.shape))), aux: [pooled] };
  }, [x]);
  expect([...(await gpu.read(itemAt(out.aux, 0)))]).toEqual([...y]);
  const dx = new Float64Array(size);
  winner.forEach((place, o) => (dx[place] = itemAt(dx, place) + itemAt(dyv, o)));
  expectClose(await gpu.read(out.grads[0]!), dx);
});

test('maxPool2d: NaN and infinities', async () => {
  const x = gpu.tensor([-Infinity, -Infinity, 1, NaN, 2, Infinity], [1, 1, 6, 1]);
  const y = await gpu.read(gpu.maxPool2d(x, [1, 2], [1, 2], [0, 0]));
  expect([...y]).toEqual([-Infinity, NaN, Infinity]);
});

test('maxPool2d: sizes as torch 1.13 rounds them up', () => {
  const out = (size: number, kernel: number, stride: number, padding: number): number =>
    poolShape([1, size, size, 1], [kernel, kernel], [stride, stride], [padding, padding], true).outH;
  expect([out(75, 2, 2, 0), out(150, 2, 2, 0), out(5, 2, 4, 1), out(6, 2, 4, 1)]).toEqual([38, 75, 2, 2]);
  // A window that would begin in the padding behind the picture is left out.
  expect([out(4, 3, 2, 1), out(3, 1, 2, 0), out(5, 2, 3, 1)]).toEqual([3, 2, 2]);
});
