import { at } from '../../../util/at.ts';
/** Reference: a [M, K] x b [K, N] in float64, row-major. */
export function matMulCpu(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  k: number,
  n: number,
): Float64Array {
  return Float64Array.from({ length: m * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    let sum = 0;
    for (let q = 0; q < k; q += 1) sum += at(a, row * k + q) * at(b, q * n + column);
    return sum;
  });
}
