// Helpers of the kernel tests: deterministic values, comparison, finite differences.
import { expect } from 'vitest';
import { at as itemAt } from '../../util/at.ts';

/** n values in about [-1, 1], the same for the same seed. */
export function values(n: number, seed = 1): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => {
    const v = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453;
    return 2 * (v - Math.floor(v)) - 1;
  });
}

/**
 * Expect |actual - expected| <= tolerance * max |expected| everywhere. The default allows for float32 sums of some
 * thousand terms.
 */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length);
  let scale = 1e-30;
  for (let i = 0; i < expected.length; i += 1) scale = Math.max(scale, Math.abs(itemAt(expected, i)));
  let worst = 0;
  let at = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const error = Math.abs(itemAt(actual, i) - itemAt(expected, i)) / scale;
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
  }
  expect(worst, `at ${at}: ${actual[at]}, expected ${expected[at]}`).toBeLessThanOrEqual(tolerance);
}

/** Numerical gradient of a float64 function at `point`, by central differences. */
export function numericalGrad(
  f: (x: Float64Array) => number,
  point: ArrayLike<number>,
  h = 1e-5,
): Float64Array {
  const x = Float64Array.from(point);
  return x.map((value, i) => {
    x[i] = value + h;
    const up = f(x);
    x[i] = value - h;
    const down = f(x);
    x[i] = value;
    return (up - down) / (2 * h);
  });
}
