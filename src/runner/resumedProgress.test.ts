import { expect, test } from 'vitest';
import { rescalePosition, savedItersPerEpoch } from './resumedProgress.ts';

test('progress is kept by epochs: 8 iterations an epoch become 2, also inside an epoch', () => {
  expect(rescalePosition({ epoch: 1, iter: 8, innerIter: 0 }, 8, 2)).toEqual({
    epoch: 1,
    iter: 2,
    innerIter: 0,
  });
  expect(rescalePosition({ epoch: 1, iter: 13, innerIter: 5 }, 8, 2)).toEqual({
    epoch: 1,
    iter: 3,
    innerIter: 1,
  });
});

test("another program's checkpoint is judged by iterations and epochs, where they divide", () => {
  expect(savedItersPerEpoch({ epoch: 3, iter: 24, innerIter: 0 }, null)).toBe(8);
  expect(savedItersPerEpoch({ epoch: 3, iter: 25, innerIter: 0 }, null)).toBeNull();
  expect(savedItersPerEpoch({ epoch: 0, iter: 5, innerIter: 0 }, null)).toBeNull();
  expect(savedItersPerEpoch({ epoch: 3, iter: 25, innerIter: 0 }, 10)).toBe(10);
});
