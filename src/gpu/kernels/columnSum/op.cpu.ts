// Reference of the sum of rows, in float64.
import { at } from '../../../util/at.ts';

/** Sum over the rows of x [rows, columns]. */
export function columnSumCpu(x: ArrayLike<number>, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0; i < x.length; i += 1) sums[i % columns] = at(sums, i % columns) + at(x, i);
  return sums;
}
