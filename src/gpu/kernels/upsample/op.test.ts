import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { upsampleIndices } from './op.cpu.ts';
import { at as itemAt } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [
    [1, 1, 1, 1],
    [1, 1],
  ],
  [
    [2, 3, 4, 5],
    [6, 8],
  ],
  [
    [1, 5, 7, 4],
    [9, 13],
  ],
  [
    [1, 5, 3, 2],
    [3, 7],
  ],
] as const)('upsampleNearest2d: %j to %j', async (dims, size) => {
  const xv = values(dims.reduce<number>((a, b) => a * b, 1));
  const indices = upsampleIndices(dims, size);
  const dyv = values(indices.length, 2);
  const x = gpu.variable(gpu.tensor(xv, dims));
  const out = gpu.valueAndGrads(() => {
    const y = gpu.upsampleNearest2d(x, size);
    return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, y.shape))), aux: [y] };
  }, [x]);
  expect([...(await gpu.read(itemAt(out.aux, 0)))]).toEqual([...indices].map((i) => xv[i]));
  const dx = new Float64Array(xv.length);
  indices.forEach((place, o) => (dx[place] = itemAt(dx, place) + itemAt(dyv, o)));
  expectClose(await gpu.read(out.grads[0]!), dx);
});
