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
] as const)('maxPool2d: %j kernel %j stride %j padding %j', async (dims, kernel, stride, padding) => {
  const shape = poolShape(dims, kernel, stride, padding);
  const size = dims.reduce<number>((a, b) => a * b, 1);
  // Few distinct values: many ties.
  const xv = values(size).map((v) => Math.round(v * 2));
  const { y, winner } = maxPoolCpu(shape, xv);
  const dyv = values(y.length, 2);
  const x = gpu.variable(gpu.tensor(xv, dims));
  const out = gpu.valueAndGrads(() => {
    const pooled = gpu.maxPool2d(x, kernel, stride, padding);
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
