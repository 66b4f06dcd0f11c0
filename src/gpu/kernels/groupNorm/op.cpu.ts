// Reference of group norm in float64, x seen as [samples, rows, C].
import { activateCpu } from '../activation.ts';
import type { NormParams } from '../batchNorm/op.cpu.ts';
import { at } from '../../../util/at.ts';

/** Each sample's groups of C / groups channels have a mean and a biased variance of their own. */
export function groupNormCpu(
  x: ArrayLike<number>,
  samples: number,
  groups: number,
  p: NormParams,
): Float64Array {
  const c = p.gamma.length;
  const perSample = x.length / samples;
  const groupOf = (i: number): number =>
    Math.floor(i / perSample) * groups + Math.floor((i % c) / (c / groups));
  const count = perSample / groups;
  const mean = new Float64Array(samples * groups);
  const variance = new Float64Array(samples * groups);
  for (let i = 0; i < x.length; i += 1) mean[groupOf(i)] = at(mean, groupOf(i)) + at(x, i) / count;
  for (let i = 0; i < x.length; i += 1)
    variance[groupOf(i)] = at(variance, groupOf(i)) + (at(x, i) - at(mean, groupOf(i))) ** 2 / count;
  return Float64Array.from(x, (v, i) => {
    const g = groupOf(i);
    const y =
      ((v - at(mean, g)) / Math.sqrt(at(variance, g) + p.eps)) * at(p.gamma, i % c) + at(p.beta, i % c);
    return activateCpu(p.activation, y);
  });
}
