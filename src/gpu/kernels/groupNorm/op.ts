// Group norm: every picture and group of neighbouring channels has its own statistics. Activation folded in.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../tensor/tape.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import type { Activation } from '../activation.ts';
import {
  emptyPairs,
  gradSums,
  inputGrad,
  joinSums,
  momentsOf,
  normalise,
  normPlan,
  type Moments,
  type NormPlan,
} from '../batchNorm/passes.ts';

/**
 * y = (x - mean) / sqrt(variance + eps) * gamma + beta, then the activation; mean and biased variance over the pixels and
 * channels of each picture's groups.
 *
 * @param x float32 [B, H, W, C] (any number of axes between the first and the last).
 * @param groups divides C.
 * @param gamma float32 [C]. @param beta float32 [C].
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
): Tensor {
  const plan = normPlan(x, x.shape[0] ?? 1, eps, activation);
  const { channels, samples } = plan;
  invariant(channels % groups === 0, `group norm of ${channels} channels in ${groups} groups`);
  const perGroup = channels / groups;
  const [y] = runOp({
    inputs: { x, gamma, beta },
    forward: (save) => {
      const moments = groupMoments(plan, x, perGroup);
      save([x, moments.mean, moments.variance, gamma, beta]);
      return [normalise(plan, x, moments, gamma, beta)];
    },
    backward: ([dy], saved) => {
      // Here and not in the tidy of one gradient, whose end would free what the next one needs.
      const { sums, dots } = gradSums(plan, dy, saved);
      const total = joinSums(plan, [sums, dots], 1, samples);
      return {
        x: () => {
          const pairs = emptyPairs(plan, samples);
          runGroups(GROUP_GRADS, plan, perGroup, [sums, dots, gamma], [pairs]);
          return inputGrad(plan, 'group', dy, saved, pairs);
        },
        gamma: () => tf.clone(total.dots),
        beta: () => tf.clone(total.sums),
      };
    },
  });
  return y;
}

/** Moments of each group, repeated for its channels. */
function groupMoments(plan: NormPlan, x: Tensor, perGroup: number): Moments {
  const single = momentsOf(plan, x, null);
  const joined = { mean: emptyTensor(single.mean.shape), variance: emptyTensor(single.mean.shape) };
  const writes = [joined.mean, joined.variance];
  runGroups(GROUP_MOMENTS, plan, perGroup, [single.mean, single.variance], writes);
  tf.dispose([single.mean, single.variance]);
  return joined;
}

function runGroups(
  program: Program,
  plan: NormPlan,
  perGroup: number,
  reads: readonly Tensor[],
  writes: readonly Tensor[],
): void {
  const size = plan.samples * plan.channels;
  runProgram(program, {
    reads,
    writes,
    uniforms: Uint32Array.of(size, plan.channels, perGroup, plan.rows, plan.isVec ? 4 : 1),
    areUniformsStatic: true,
    grid: spread(size / 64),
  });
}

const UNIFORMS = 'size: u32, channels: u32, perGroup: u32, rows: u32, width: u32';
// One thread per picture and channel: each works its whole group out, which is some channels only.
const GROUP =
  'if (i >= u.size) { return; } let start = i / u.perGroup * u.perGroup; let end = start + u.perGroup;';

// All channels have the same count: the group's variance is the mean of theirs plus the variance of their means.
const GROUP_MOMENTS: Program = {
  key: 'groupNormJoin',
  source: () => `${bindings({ means: 'f32', variances: 'f32' }, { mean: 'f32', variance: 'f32' }, UNIFORMS)}
${flatMain(`  ${GROUP}
  // Deviations from the first channel's mean: no cancellation where the means are large.
  let shift = means[start];
  var sum = 0.0;
  for (var k = start; k < end; k++) { sum += means[k] - shift; }
  let m = shift + sum / f32(u.perGroup);
  var v = 0.0;
  for (var k = start; k < end; k++) { let d = means[k] - m; v += variances[k] + d * d; }
  mean[i] = m;
  variance[i] = v / f32(u.perGroup);`)}`,
};

// Means over a group of gamma * dy and gamma * dy * xhat, from the sums of each channel; both in one tensor.
const GROUP_GRADS: Program = {
  key: 'groupNormJoinGrads',
  source: () => `${bindings({ sums: 'f32', dots: 'f32', gamma: 'f32' }, { pairs: 'f32' }, UNIFORMS)}
${flatMain(`  ${GROUP}
  let first = start % u.channels;
  var sum = 0.0;
  var dot = 0.0;
  for (var k = 0u; k < u.perGroup; k++) {
    sum += gamma[first + k] * sums[start + k];
    dot += gamma[first + k] * dots[start + k];
  }
  let n = f32(u.perGroup) * f32(u.rows);
  let at = i / u.width * 2u * u.width + i % u.width;
  pairs[at] = sum / n;
  pairs[at + u.width] = dot / n;`)}`,
};
