import { expect, test } from 'vitest';
import { roundHalfEven } from './roundHalfEven.ts';

test("roundHalfEven is Python's round, on both sides of 0", () => {
  expect([0.5, 1.5, 2.5, 2.4, 3.75, 2.4999, -1.5, -2.5].map(roundHalfEven)).toEqual([
    0, 2, 2, 2, 4, 2, -2, -2,
  ]);
});
