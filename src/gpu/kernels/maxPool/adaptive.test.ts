import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { at } from '../../../util/at.ts';
import { adaptiveMaxPoolCpu } from './op.cpu.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [
    [2, 9, 7, 4],
    [4, 3],
  ],
  [
    [1, 8, 6, 3],
    [4, 2],
  ],
  [
    [1, 5, 4, 1],
    [3, 6],
  ],
  [
    [1, 3, 3, 4],
    [1, 1],
  ],
] as const)('adaptiveMaxPool2d: %j to %j', async (dims, size) => {
  const count = dims.reduce<number>((a, b) => a * b, 1);
  // Few distinct values: many ties.
  const xv = values(count).map((v) => Math.round(v * 3));
  const { y, winner } = adaptiveMaxPoolCpu(dims, size, xv);
  const dyv = values(y.length, 2);
  const x = gpu.variable(gpu.tensor(xv, dims));
  const { aux, grads } = gpu.valueAndGrads(() => {
    const pooled = gpu.adaptiveMaxPool2d(x, size);
    return { loss: gpu.sum(gpu.mul(pooled, gpu.tensor(dyv, pooled.shape))), aux: [pooled] };
  }, [x]);
  expect([...(await gpu.read(at(aux, 0)))]).toEqual([...y]);
  const dx = new Float64Array(count);
  winner.forEach((place, o) => (dx[place] = at(dx, place) + at(dyv, o)));
  expectClose(await gpu.read(at(grads, 0)!), dx);
});

test('as torch: 5 values to 3 share their borders', async () => {
  const x = gpu.tensor([5, 1, 2, 4, 3], [1, 1, 5, 1]);
  expect([...(await gpu.read(gpu.adaptiveMaxPool2d(x, [1, 3])))]).toEqual([5, 4, 4]);
});
