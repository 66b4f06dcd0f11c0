import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../../index.ts';
import { testAdapter } from '../../testing/adapter.ts';
import { values } from '../../testing/numbers.ts';
import { copyStridedCpu } from './op.cpu.ts';
import { copyStrided } from './op.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

interface Case {
  readonly dims: number[];
  readonly from: { readonly offset: number; readonly strides: number[] };
  readonly to: { readonly offset: number; readonly strides: number[] };
}

test.each<[string, Case]>([
  ['one value', { dims: [1], from: { offset: 3, strides: [1] }, to: { offset: 5, strides: [1] } }],
  ['by fours', { dims: [3, 8], from: { offset: 4, strides: [16, 1] }, to: { offset: 8, strides: [12, 1] } }],
  ['odd rows', { dims: [5, 7], from: { offset: 2, strides: [9, 1] }, to: { offset: 0, strides: [7, 1] } }],
  ['transposed', { dims: [4, 6], from: { offset: 0, strides: [1, 4] }, to: { offset: 1, strides: [6, 1] } }],
  [
    'repeated',
    { dims: [3, 4, 2], from: { offset: 1, strides: [0, 2, 1] }, to: { offset: 0, strides: [8, 2, 1] } },
  ],
  [
    'four axes that can not be joined',
    {
      dims: [2, 3, 2, 5],
      from: { offset: 0, strides: [60, 1, 30, 3] },
      to: { offset: 7, strides: [40, 13, 6, 1] },
    },
  ],
])('copyStrided: %s equals the reference, and leaves the rest alone', async (_, { dims, from, to }) => {
  const [source, target] = [values(128, 1), values(128, 2)];
  const [s, t] = [gpu.tensor(source, [128]), gpu.tensor(target, [128])];
  const place = gpu.variable(t);
  copyStrided({ tensor: s, ...from }, { tensor: place, ...to }, dims);
  copyStridedCpu({ values: source, ...from }, { values: target, ...to }, dims);
  expect(await gpu.read(place)).toEqual(target);
});
