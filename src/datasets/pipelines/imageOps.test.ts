import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { normalize, padImage, resizeBilinear } from './imageOps.ts';
import type { ImageArray } from './results.ts';
import { at } from '../../util/at.ts';

interface ResizeCase {
  readonly size: readonly [number, number];
  readonly new_size: readonly [number, number];
  readonly out: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL('./__golden__/cv2Resize.json', import.meta.url), 'utf8')) as {
  cases: readonly ResizeCase[];
};

function pattern([height, width]: readonly [number, number]): ImageArray {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => (7 * i * i + 13 * i) % 256);
  return { data, shape: [height, width, 3] };
}

describe('resizeBilinear', () => {
  test.each(golden.cases)('uint8 $size to $new_size gives the bytes of cv2', ({ size, new_size, out }) => {
    const resized = resizeBilinear(pattern(size), new_size[1], new_size[0]);
    expect(resized.shape).toEqual([...new_size, 3]);
    expect([...resized.data]).toEqual(out);
  });

  test('float32 agrees with uint8 up to its rounding', () => {
    for (const { size, new_size } of golden.cases) {
      const bytes = pattern(size);
      const floats = resizeBilinear(
        { ...bytes, data: Float32Array.from(bytes.data) },
        new_size[1],
        new_size[0],
      );
      const rounded = resizeBilinear(bytes, new_size[1], new_size[0]);
      // Weights in 1/2048 on values up to 255, and two truncations.
      floats.data.forEach((v, i) => expect(Math.abs(v - at(rounded.data, i))).toBeLessThan(1));
    }
  });

  test('the same size gives a copy', () => {
    const input = pattern([3, 4]);
    const copy = resizeBilinear(input, 4, 3);
    expect(copy).toEqual(input);
    expect(copy.data).not.toBe(input.data);
  });
});

test('normalize subtracts in float32 and multiplies in float64', () => {
  // 250 - float32(123.675) = 126.32500076293945 exactly in float32; times 1 / float32(58.395), rounded once.
  const img: ImageArray = { data: Uint8Array.of(0, 0, 250), shape: [1, 1, 3] };
  const out = normalize(img, [123.675, 0, 0], [58.395, 1, 1], true);
  expect(out.data[0]).toBe(Math.fround(126.32500076293945 / Math.fround(58.395)));
});

test('padImage keeps a side that is already larger', () => {
  expect(padImage(pattern([4, 3]), 2, 5, 0).shape).toEqual([4, 5, 3]);
});
