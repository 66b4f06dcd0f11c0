import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { argMaxCpu, maxCpu, sumCpu } from './op.cpu.ts';
import { argMaxOver, reduce } from './op.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

// Runs that one thread takes, that are split once, and twice; with and without neighbours.
test.each([
  [1, 1, 1],
  [3, 5, 7],
  [1, 257, 1],
  [2, 300, 3],
  [1, 70_001, 1],
  [70, 2, 65],
])('reductions of [%i, %i, %i] over the middle equal the reference', async (outer, mid, inner) => {
  const v = values(outer * mid * inner, 1);
  if (mid > 4) v[v.length - 2] = NaN;
  const x = gpu.tensor(v, [outer, mid, inner]);
  const shape = { outer, mid, inner };
  const out = [outer, inner];
  expect(await gpu.read(reduce('max', x, shape, out))).toEqual(Float32Array.from(maxCpu(v, mid, inner)));
  expect(await gpu.read(argMaxOver(x, shape, out))).toEqual(argMaxCpu(v, mid, inner));
  const finite = v.map((e) => (Number.isNaN(e) ? 0 : e));
  const sums = await gpu.read(reduce('sum', gpu.tensor(finite, [outer, mid, inner]), shape, out, 0.5));
  const expected = sumCpu(finite, mid, inner).map((e) => e / 2);
  // Relative to the sum of magnitudes.
  const scale = Math.max(...sumCpu(finite.map(Math.abs), mid, inner));
  expectClose([...sums, scale], [...expected, scale], 1e-6);
});
