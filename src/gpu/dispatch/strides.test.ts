import { expect, test } from 'vitest';
import { broadcastShape, broadcastStrides, joinAxes, stridesOf } from './strides.ts';

test('strides: row-major, 0 along repeated axes', () => {
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(broadcastStrides([3, 1], [2, 3, 4])).toEqual([0, 1, 0]);
  expect(broadcastShape([2, 1], [3])).toEqual([2, 3]);
  expect(() => broadcastShape([2], [3])).toThrow("don't broadcast");
  expect(() => broadcastStrides([2, 3], [3])).toThrow("doesn't broadcast");
});

test('joinAxes: axes that lie behind each other become one, others stay', () => {
  expect(joinAxes([2, 3, 4], [[12, 4, 1]], 2)).toEqual({ dims: [1, 24], strides: [[0, 1]] });
  // a bias over the last axis: the axes before it are one
  const bias = [
    [12, 4, 1],
    [0, 0, 1],
  ];
  expect(joinAxes([2, 3, 4], bias, 3)).toEqual({
    dims: [1, 6, 4],
    strides: [
      [0, 4, 1],
      [0, 0, 1],
    ],
  });
  expect(() => joinAxes([2, 2, 2], [[1, 2, 4]], 2)).toThrow('3 axes of different strides');
});
