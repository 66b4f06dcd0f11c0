import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { gatherCpu, gatherGradCpu, oneHotCpu } from './op.cpu.ts';
import { at as itemAt } from '../../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [[1], 0, 1],
  [[7, 3], 0, 11],
  [[2, 5, 3], 1, 4],
  [[3, 4, 9], 2, 70],
  [[130, 8], -1, 3],
])(
  'gather from %j along axis %i, %i picks: equals the reference, and so does its gradient',
  async (shape, axis, picks) => {
    const at = axis < 0 ? axis + shape.length : axis;
    const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
    const entries = itemAt(shape, at);
    const xv = values(
      shape.reduce((a, b) => a * b, 1),
      1,
    );
    const indices = Int32Array.from({ length: picks }, (_, i) => (i * 5 + 3) % entries);
    const x = gpu.variable(gpu.tensor(xv, shape));
    const picked = gpu.tensor(indices, [picks]);
    const expected = gatherCpu(xv, indices, entries, inner);
    const dyv = values(expected.length, 2);
    const { aux, grads } = gpu.valueAndGrads(() => {
      const y = gpu.gather(x, picked, axis);
      return { loss: gpu.sum(gpu.mul(y, gpu.tensor(dyv, y.shape))), aux: [y] };
    }, [x]);
    expect(await gpu.read(itemAt(aux, 0))).toEqual(Float32Array.from(expected));
    expectClose(await gpu.read(grads[0]!), gatherGradCpu(dyv, indices, entries, inner));
  },
);

test('one-hot rows equal the reference, also for indices out of range', async () => {
  const indices = Int32Array.from([0, 4, 2, -1, 5, 4]);
  const y = await gpu.read(gpu.oneHot(gpu.tensor(indices, [2, 3]), 5));
  expect(y).toEqual(Float32Array.from(oneHotCpu(indices, 5)));
});
