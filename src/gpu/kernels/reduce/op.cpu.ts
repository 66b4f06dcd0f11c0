// References of reductions over the middle axis of [outer, mid, inner], in float64.
import { at } from '../../../util/at.ts';
type Values = ArrayLike<number>;

/** The values of each result, in their order. */
function runs(x: Values, mid: number, inner: number): number[][] {
  const outer = x.length / mid / inner;
  return Array.from({ length: outer * inner }, (_, i) => {
    const start = Math.floor(i / inner) * mid * inner + (i % inner);
    return Array.from({ length: mid }, (__, j) => at(x, start + j * inner));
  });
}

export const sumCpu = (x: Values, mid: number, inner: number): Float64Array =>
  Float64Array.from(runs(x, mid, inner), (run) => run.reduce((a, b) => a + b, 0));

/** NaN counts as larger than all. */
export const maxCpu = (x: Values, mid: number, inner: number): Float64Array =>
  Float64Array.from(runs(x, mid, inner), (run) => Math.max(...run));

/** The first place of the largest value. */
export const argMaxCpu = (x: Values, mid: number, inner: number): Int32Array =>
  Int32Array.from(runs(x, mid, inner), (run) => {
    const high = Math.max(...run);
    return run.findIndex((v) => Object.is(v, high) || v === high);
  });
