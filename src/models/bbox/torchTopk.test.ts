import { expect, test } from 'vitest';
import { Rng } from '../../util/prng.ts';
import { at } from '../../util/at.ts';
import { smallest } from './torchTopk.ts';

test.each([
  [1, 1],
  [5, 2],
  [9, 9],
  [100, 9],
  [3000, 9],
  [3000, 40],
  [64, 1],
  [2000, 1999],
])('of %i values with many ties the %i smallest, each place once', (n, k) => {
  const rng = new Rng(n * 7 + k);
  for (const kinds of [2, 10, 1e6]) {
    const values = Float32Array.from({ length: n }, () => Math.floor(rng.uniform() * kinds));
    const found = smallest(values, k);
    expect(new Set(found).size).toBe(k);
    const sorted = [...values].sort((a, b) => a - b);
    expect(found.map((i) => at(values, i)).sort((a, b) => a - b)).toEqual(sorted.slice(0, k));
  }
});

test('a value that falls and rises, with all of its algorithms', () => {
  const falling = Float32Array.from({ length: 5000 }, (_, i) => Math.abs(2500 - i) % 97);
  for (const k of [3, 78, 79, 2000]) {
    const found = smallest(falling, k).map((i) => at(falling, i));
    expect(Math.max(...found)).toBe([...falling].sort((a, b) => a - b)[k - 1]);
  }
});
