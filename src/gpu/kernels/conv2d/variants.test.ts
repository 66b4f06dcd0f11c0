import { afterEach, expect, test } from 'vitest';
import { setVariantChoices } from '../../dispatch/variantChoice.ts';
import { convShape, type Conv2dOptions, type ConvShape } from './shape.ts';
import { chooseVariant, filterGradSplits, variantKey, variants, type ConvTraits } from './variants.ts';
import type { ConvKind } from './wgsl.ts';
import { at } from '../../../util/at.ts';

afterEach(() => {
  setVariantChoices({});
});

const LAVAPIPE: ConvTraits = { lanes: 8, isSoftware: true };
const GPU: ConvTraits = { lanes: 32, isSoftware: false };

const shapeOf = (x: number[], w: number[], options: Conv2dOptions = {}): ConvShape =>
  convShape(x, w, options);
const wide = shapeOf([8, 16, 20, 32], [3, 3, 32, 32], { padding: [1, 1] });
const choose = (kind: ConvKind, shape: ConvShape, traits: ConvTraits): string =>
  chooseVariant(kind, shape, variants(kind, shape, traits), traits);

test('conv2d variants: the plain one is always there, the others where they apply', () => {
  const names = (shape: ConvShape, traits: ConvTraits): string[] =>
    variants('forward', shape, traits).map(({ name }) => name);
  expect(names(wide, LAVAPIPE)).toEqual(['plain', 'tiled', 'lanes x16', 'lanes x8']);
  expect(names(wide, { lanes: 0, isSoftware: true })).toEqual(['plain', 'tiled']);
  const depthwise = shapeOf([1, 8, 8, 8], [3, 3, 1, 8], { groups: 8 });
  expect(names(depthwise, LAVAPIPE)).toEqual(['plain', 'depthwise']);
  const oddGroups = shapeOf([1, 8, 8, 6], [3, 3, 3, 4], { groups: 2 });
  expect(names(oddGroups, LAVAPIPE)).toEqual(['plain', 'tiled']);
});

test('conv2d variants: no axis of a grid is longer than WebGPU allows, and all tiles are there', () => {
  const many = 4 * 2 ** 20 + 64;
  const shape = shapeOf([1, 1, 1, many], [1, 1, many, 1]);
  for (const { name, grid } of variants('filterGrad', shape, LAVAPIPE)) {
    const [x, y, z] = grid;
    expect(Math.max(x, y, z), name).toBeLessThanOrEqual(65_535);
    // At least one workgroup for each 64 x 16 weights, and hardly more than one for each 8.
    expect(x * y * z).toBeGreaterThanOrEqual(many / 1024);
    expect(x * y * z).toBeLessThan(many / 4);
  }
});

test('conv2d variants: what divides whole numbers as floats is left out beyond 2^22 of them', () => {
  const names = (shape: ConvShape, kind: ConvKind): string[] =>
    variants(kind, shape, LAVAPIPE).map(({ name }) => name);
  // A strip is 12 x 4 pixels, a thread of the filter gradient takes rows.
  const many = shapeOf([2 ** 22, 1, 1, 4], [1, 1, 1, 4], { groups: 4 });
  expect(names(many, 'forward')).toEqual(['plain']);
  expect(names(many, 'inputGrad')).toEqual(['plain']);
  expect(names(many, 'filterGrad')).toEqual(['plain', 'depthwise']);
  expect(names(shapeOf([2 ** 22 + 1, 1, 1, 4], [1, 1, 1, 4], { groups: 4 }), 'filterGrad')).toEqual([
    'plain',
  ]);
  expect(choose('forward', many, LAVAPIPE)).toBe('plain');
  expect(choose('forward', many, GPU)).toBe('plain');
  const large = shapeOf([8, 2048, 2048, 4], [3, 3, 1, 4], { groups: 4, padding: [1, 1] });
  expect(names(large, 'forward')).toEqual(['plain', 'depthwise']);
  const pixels = shapeOf([1, 2048, 2048, 4], [1, 1, 4, 4]);
  expect(names(pixels, 'forward')).toEqual(['plain', 'tiled']);
});

test('conv2d variants: lanes on software adapters, tiles on GPUs', () => {
  expect(choose('forward', wide, LAVAPIPE)).toBe('lanes x16');
  expect(choose('forward', wide, GPU)).toBe('tiled');
  const few = shapeOf([8, 16, 20, 32], [1, 1, 32, 24]);
  expect(choose('forward', few, LAVAPIPE)).toBe('lanes x8');
  expect(choose('inputGrad', few, LAVAPIPE)).toBe('lanes x16');
  const groupsOf = (channels: number): ConvShape =>
    shapeOf([2, 28, 28, 32], [3, 3, channels, 32], { padding: [1, 1], groups: 32 / channels });
  expect([4, 8, 16].map((channels) => choose('filterGrad', groupsOf(channels), LAVAPIPE))).toEqual([
    ...['plain', 'lanes x8', 'lanes x16'],
  ]);
  const picture = shapeOf([8, 128, 160, 3], [7, 7, 3, 16], { stride: [2, 2], padding: [3, 3] });
  expect(choose('forward', picture, LAVAPIPE)).toBe('lanes x16');
  expect(choose('forward', picture, GPU)).toBe('plain');
});

test('conv2d variants: a measured choice comes before the rule', () => {
  setVariantChoices({ [variantKey('forward', wide)]: 'plain' });
  expect(choose('forward', wide, GPU)).toBe('plain');
  expect(choose('inputGrad', wide, GPU)).toBe('tiled');
});

test('conv2d variants: programs of one layout share a key, whatever the sizes', () => {
  const keys = [wide, shapeOf([1, 9, 9, 64], [3, 3, 64, 48], { stride: [2, 2] })].map((shape) =>
    variants('forward', shape, LAVAPIPE).map(({ program }) => program.key),
  );
  expect(keys[0]).toEqual(keys[1]);
  expect(new Set(keys[0]).size).toBe(at(keys, 0).length);
});

test('conv2d variants: splits of the filter gradient cover all rows', () => {
  for (const shape of [
    wide,
    shapeOf([1, 5, 5, 4], [1, 1, 4, 4]),
    shapeOf([3, 7, 7, 256], [3, 3, 256, 256]),
    shapeOf([8, 128, 160, 3], [7, 7, 3, 16], { stride: [2, 2], padding: [3, 3] }),
    shapeOf([4, 24, 24, 144], [3, 3, 1, 144], { groups: 144, padding: [1, 1] }),
  ])
    for (const isSoftware of [false, true]) {
      const { splits, rowsPerSplit } = filterGradSplits(shape, isSoftware);
      const rows = shape.batch * shape.outH;
      expect(splits * rowsPerSplit).toBeGreaterThanOrEqual(rows);
      expect((splits - 1) * rowsPerSplit).toBeLessThan(rows);
    }
});

test('conv2d variants: few splits on software adapters, none where there are workgroups enough', () => {
  expect(filterGradSplits(wide, true).splits).toBe(1);
  const long = shapeOf([8, 64, 64, 32], [3, 3, 32, 32], { padding: [1, 1] });
  expect(filterGradSplits(long, true).splits).toBe(8);
});

test('conv2d variants: splits enough for a GPU, no sum too long, and partials that fit', () => {
  const narrow = shapeOf([2, 200, 336, 64], [1, 1, 64, 64]);
  // One tile of 64 x 64; 256 splits are 2 rows each, so 200 of them.
  expect(filterGradSplits(narrow, false).splits).toBe(200);
  const large = shapeOf([8, 100, 136, 256], [3, 3, 256, 256], { padding: [1, 1] });
  for (const isSoftware of [false, true]) {
    const { rowsPerSplit, splits } = filterGradSplits(large, isSoftware);
    expect(rowsPerSplit * 136).toBeLessThanOrEqual(4096);
    expect(splits * 4 * 9 * 256 * 256).toBeLessThanOrEqual(2 ** 26);
  }
  // 9.4 MB a partial: seven of them, however long the sums.
  const huge = shapeOf([8, 200, 200, 512], [3, 3, 512, 512], { padding: [1, 1] });
  expect(filterGradSplits(huge, false).splits).toBe(7);
});
