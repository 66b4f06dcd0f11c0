import { at } from './at.ts';

const LANES = 8;
const BLOCK = 128;

/**
 * Sum in the order NumPy sums a contiguous float64 array, so that the last bit is the same: eight running sums up to
 * 128 values, halves of a multiple of eight above.
 * Source: numpy 1.24 `core/src/umath/loops_utils.h.src`, pairwise_sum.
 */
export function pairwiseSum(values: readonly number[], start = 0, end = values.length): number {
  const count = end - start;
  if (count < LANES) {
    let sum = 0;
    for (let i = start; i < end; i++) sum += at(values, i);
    return sum;
  }
  if (count > BLOCK) {
    const half = Math.floor(count / 2);
    const middle = start + half - (half % LANES);
    return pairwiseSum(values, start, middle) + pairwiseSum(values, middle, end);
  }
  const r = values.slice(start, start + LANES);
  let i = start + LANES;
  for (const last = end - (count % LANES); i < last; i += LANES)
    for (let lane = 0; lane < LANES; lane++) r[lane] = at(r, lane) + at(values, i + lane);
  let sum = at(r, 0) + at(r, 1) + (at(r, 2) + at(r, 3)) + (at(r, 4) + at(r, 5) + (at(r, 6) + at(r, 7)));
  for (; i < end; i++) sum += at(values, i);
  return sum;
}
