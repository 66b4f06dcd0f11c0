// Reference of batch norm in float64, x seen as [rows, C].
import { activateCpu, type Activation } from '../activation.ts';
import { at } from '../../../util/at.ts';

export interface NormParams {
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
  readonly eps: number;
  readonly activation?: Activation;
}

/** Mean and biased variance of each column. */
export function statisticsCpu(
  x: ArrayLike<number>,
  c: number,
): { mean: Float64Array; variance: Float64Array } {
  const rows = x.length / c;
  const mean = new Float64Array(c);
  const variance = new Float64Array(c);
  for (let i = 0; i < x.length; i += 1) mean[i % c] = at(mean, i % c) + at(x, i) / rows;
  for (let i = 0; i < x.length; i += 1)
    variance[i % c] = at(variance, i % c) + (at(x, i) - at(mean, i % c)) ** 2 / rows;
  return { mean, variance };
}

/** y = (x - mean) / sqrt(variance + eps) * gamma + beta, then the activation. */
export function batchNormCpu(
  x: ArrayLike<number>,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  p: NormParams,
): Float64Array {
  const c = mean.length;
  return Float64Array.from(x, (v, i) => {
    const k = i % c;
    const y = ((v - at(mean, k)) / Math.sqrt(at(variance, k) + p.eps)) * at(p.gamma, k) + at(p.beta, k);
    return activateCpu(p.activation, y);
  });
}
