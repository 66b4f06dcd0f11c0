import { expect, test } from 'vitest';
import { pairwiseSum } from './pairwiseSum.ts';

// From numpy 2.4.6: float(np.sum(np.arange(1, n + 1) / 10.0)) and, where it differs, the plain sum from left to right.
test.each([
  [0, 0.0],
  [1, 0.1],
  [7, 2.8],
  [8, 3.6], // 3.5999999999999996 from left to right
  [9, 4.5],
  [50, 127.5],
  [128, 825.6],
  [129, 838.4999999999999], // 838.5 from left to right
  [300, 4515.0],
  [1000, 50050.0],
])('np.sum of %i tenths', (n, wanted) => {
  const values = Array.from({ length: n }, (_, i) => (i + 1) / 10);
  expect(pairwiseSum(values)).toBe(wanted);
});
