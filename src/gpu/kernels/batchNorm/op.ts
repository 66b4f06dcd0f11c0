// Batch norm over all axes but the last: with the batch's own statistics (training) or given ones, activation folded in.
import { runOp } from '../../op.ts';
import { tf, type Tensor } from '../../tfjs.ts';
import type { Activation } from '../activation.ts';
import {
  gradSums,
  inputGrad,
  momentsOf,
  normalise,
  normPlan,
  type NormPlan,
  type RunningStats,
} from './passes.ts';

export type { RunningStats } from './passes.ts';

export interface BatchNormResult {
  readonly y: Tensor;
  /** float32 [C], of this batch. No gradient flows through it. */
  readonly mean: Tensor;
  /** float32 [C], biased (divided by the count), of this batch. No gradient flows through it. */
  readonly variance: Tensor;
}

/**
 * Normalise x [..., C] by its own mean and biased variance: y = (x - mean) / sqrt(variance + eps) * gamma + beta, then the
 * activation.
 *
 * @param running moved along in the same pass, with the unbiased variance (times n / (n - 1)) as in torch; needs more than
 * one row. Without it running statistics are the caller's.
 */
export function batchNormTrain(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
  running: RunningStats | null = null,
): BatchNormResult {
  const plan = normPlan(x, 1, eps, activation);
  const [y, mean, variance] = runOp({
    inputs: { x, gamma, beta },
    forward: (save) => {
      const moments = momentsOf(plan, x, running);
      save([x, moments.mean, moments.variance, gamma, beta]);
      return [normalise(plan, x, moments, gamma, beta), moments.mean, moments.variance];
    },
    backward: ([dy], saved) => {
      // Here and not in the tidy of one gradient, whose end would free what the next one needs.
      const { sums, dots } = gradSums(plan, dy, saved);
      return {
        x: () => inputGrad(plan, 'batch', dy, saved, [sums, dots]),
        gamma: () => tf.clone(dots),
        beta: () => tf.clone(sums),
      };
    },
  });
  return { y, mean, variance };
}

/** How {@link batchNormEval} treats its parameters. */
export interface BatchNormEvalOptions {
  readonly activation?: Activation;
  /** gamma and beta are constants: no gradient is computed for them. */
  readonly isFrozen?: boolean;
}

/** Normalise x [..., C] by given statistics (constants): gradients reach x, gamma and beta. */
export function batchNormEval(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  { activation, isFrozen = false }: BatchNormEvalOptions = {},
): Tensor {
  const plan = normPlan(x, 1, eps, activation);
  const [y] = runOp({
    inputs: isFrozen ? { x } : { x, gamma, beta },
    forward: (save) => {
      save([x, mean, variance, gamma, beta]);
      return [normalise(plan, x, { mean, variance }, gamma, beta)];
    },
    backward: ([dy], saved) => ({
      x: () => inputGrad(plan, 'given', dy, saved, []),
      ...(isFrozen ? {} : parameterGrads(plan, dy, saved)),
    }),
  });
  return y;
}

function parameterGrads(plan: NormPlan, dy: Tensor, saved: readonly Tensor[]): Record<string, () => Tensor> {
  const { sums, dots } = gradSums(plan, dy, saved);
  return { gamma: () => tf.clone(dots), beta: () => tf.clone(sums) };
}
