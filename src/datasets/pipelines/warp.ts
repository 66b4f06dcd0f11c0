// Warping by a matrix, as OpenCV does it.

import { at, f64At } from '../../util/at.ts';
import type { ImageArray } from './results.ts';

/** Row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

/** a after b. */
export function product(a: Matrix3, b: Matrix3): Matrix3 {
  const cell = (row: number, column: number): number =>
    at(a, row * 3) * at(b, column) +
    at(a, row * 3 + 1) * at(b, column + 3) +
    at(a, row * 3 + 2) * at(b, column + 6);
  return [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => cell(row, column))) as unknown as Matrix3;
}

/** @returns all 0 of a matrix that has no inverse, as OpenCV's `invert` */
export function inverse([a, b, c, d, e, f, g, h, i]: Matrix3): Matrix3 {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const k = determinant === 0 ? 0 : 1 / determinant;
  return [
    (e * i - f * h) * k,
    (c * h - b * i) * k,
    (b * f - c * e) * k,
    (f * g - d * i) * k,
    (a * i - c * g) * k,
    (c * d - a * f) * k,
    (d * h - e * g) * k,
    (b * g - a * h) * k,
    (a * e - b * d) * k,
  ];
}

/** Places are told in 32nds of a pixel. */
const STEPS = 32;
const WEIGHT_BITS = 15;

/**
 * `cv2.warpPerspective(img, matrix, (width, height), borderValue=border)`: bilinear, places rounded to 1/32 pixel; of uint8 the
 * weights are whole numbers of 15 bits.
 * @param border one value per channel
 */
export function warpPerspective(
  { data, shape: [h, w, c] }: ImageArray,
  matrix: Matrix3,
  [width, height]: readonly [number, number],
  border: readonly number[],
): ImageArray {
  const m = Float64Array.from(inverse(matrix));
  const isBytes = data instanceof Uint8Array;
  const out = isBytes ? new Uint8Array(width * height * c) : new Float32Array(width * height * c);
  const tap = (x: number, y: number, k: number): number =>
    x >= 0 && x < w && y >= 0 && y < h ? at(data, (y * w + x) * c + k) : at(border, k);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const scale = f64At(m, 6) * x + f64At(m, 7) * y + f64At(m, 8);
      const by = scale === 0 ? 0 : STEPS / scale;
      const placeX = toNearest((f64At(m, 0) * x + f64At(m, 1) * y + f64At(m, 2)) * by);
      const placeY = toNearest((f64At(m, 3) * x + f64At(m, 4) * y + f64At(m, 5)) * by);
      const [left, top] = [placeX >> 5, placeY >> 5];
      const [fx, fy] = [placeX & (STEPS - 1), placeY & (STEPS - 1)];
      for (let k = 0; k < c; k++) {
        const upper = tap(left, top, k) * (STEPS - fx) + tap(left + 1, top, k) * fx;
        const lower = tap(left, top + 1, k) * (STEPS - fx) + tap(left + 1, top + 1, k) * fx;
        const sum = upper * (STEPS - fy) + lower * fy;
        out[(y * width + x) * c + k] = isBytes
          ? (sum * STEPS + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS
          : sum / (STEPS * STEPS);
      }
    }
  return { data: out, shape: [height, width, c] };
}

/** Half to even, within 32 bits. */
function toNearest(value: number): number {
  const bounded = Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1);
  const rounded = Math.round(bounded);
  return (rounded - bounded === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded) | 0;
}
