import { afterAll, beforeAll, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { expectClose, values } from '../../testing/numbers.ts';
import { columnSumCpu } from './op.cpu.ts';
import { columnSum } from './op.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

test.each([
  [1, 3],
  [100, 8],
  [129, 3],
  [4096, 8],
  [9000, 4],
])('columnSum of %i rows of %i', async (rows, columns) => {
  const xv = values(rows * columns, 1);
  const x = gpu.tensor(xv, [rows, columns]);
  const y = columnSum(x, rows, columns, [columns]);
  expectClose(await gpu.read(y), columnSumCpu(xv, columns), 5e-6);
  gpu.dispose([x, y]);
});
