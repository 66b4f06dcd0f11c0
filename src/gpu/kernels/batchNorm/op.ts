// Batch norm over all axes but the last: with the batch's own statistics (training) or given ones. Activation and the
// addition of a residual branch are folded in.
import { invariant } from '../../../errors/index.ts';
import { activationGrad } from '../../ops/activations.ts';
import { runOp } from '../../tensor/tape.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import { isSlopeKnownFromOutput, type Activation } from '../activation.ts';
import {
  frozenGrad,
  gradSums,
  inputGrad,
  momentsOf,
  normalise,
  normPlan,
  type GradSums,
  type NormPlan,
  type RunningStats,
} from './passes.ts';
import { at, take } from '../../../util/at.ts';

export type { RunningStats } from './passes.ts';

export interface BatchNormResult {
  readonly y: Tensor;
  /** float32 [C], of this batch. No gradient flows through it. */
  readonly mean: Tensor;
  /** float32 [C], biased (divided by the count), of this batch. No gradient flows through it. */
  readonly variance: Tensor;
}

/**
 * Normalise x [..., C] by its own mean and biased variance: y = (x - mean) / sqrt(variance + eps) * gamma + beta, plus the
 * residual, then the activation.
 *
 * @param running moved along in the same pass, with the unbiased variance (times n / (n - 1)) as in torch; needs more than
 * one row. Without it running statistics are the caller's.
 * @param residual of x's shape, or null; an activation must have a slope that its output tells (ReLU and its kin).
 */
export function batchNormTrain(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
  running: RunningStats | null = null,
  residual: Tensor | null = null,
): BatchNormResult {
  const plan = normPlan(x, 1, eps, activation);
  const [y, mean, variance] = runOp({
    inputs: { x, gamma, beta, ...residualInput(residual, activation) },
    forward: (save) => {
      const moments = momentsOf(plan, x, running);
      const out = normalise(plan, x, moments, gamma, beta, residual);
      save([x, moments.mean, moments.variance, gamma, beta, ...(residual && activation ? [out] : [])]);
      return [out, moments.mean, moments.variance];
    },
    backward: ([dy], saved) => {
      const back = throughActivation(plan, dy, saved, residual !== null);
      // Here and not in the tidy of one gradient, whose end would free what the next one needs.
      const sums = gradSums(back.plan, back.dy, back.saved, true);
      return {
        x: () => inputGrad(back.plan, 'batch', back.dy, back.saved, sums.pairs),
        ...parameterGrads(sums),
        residual: () => tf.clone(back.dy),
      };
    },
  });
  return { y, mean, variance };
}

/** What {@link batchNormEval} does besides. */
export interface BatchNormEvalOptions {
  readonly activation?: Activation;
  /** As in {@link batchNormTrain}. */
  readonly residual?: Tensor | null;
  /** gamma and beta are constants: no gradient is computed for them, and x need not be kept. */
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
  { activation, residual = null, isFrozen = false }: BatchNormEvalOptions = {},
): Tensor {
  const plan = normPlan(x, 1, eps, activation);
  const needsOutput = activation !== undefined && residual !== null;
  const isXDropped = isFrozen && (activation === undefined || isSlopeKnownFromOutput(activation));
  const [y] = runOp({
    inputs: { x, ...(isFrozen ? {} : { gamma, beta }), ...residualInput(residual, activation) },
    forward: (save) => {
      const out = normalise(plan, x, { mean, variance }, gamma, beta, residual);
      if (isXDropped) save([variance, gamma, ...(activation ? [out] : [])]);
      else save([x, mean, variance, gamma, beta, ...(needsOutput ? [out] : [])]);
      return [out];
    },
    backward: ([dy], saved) => {
      if (isXDropped) return frozenBackward(plan, dy, saved, residual !== null);
      const back = throughActivation(plan, dy, saved, residual !== null);
      return {
        x: () => inputGrad(back.plan, 'given', back.dy, back.saved, null),
        ...(isFrozen ? {} : parameterGrads(gradSums(back.plan, back.dy, back.saved))),
        residual: () => tf.clone(back.dy),
      };
    },
  });
  return y;
}

type Slopes = Record<string, () => Tensor>;

function residualInput(residual: Tensor | null, activation: Activation | undefined): Record<string, Tensor> {
  if (!residual) return {};
  invariant(
    activation === undefined || isSlopeKnownFromOutput(activation),
    'batch norm with a residual and an activation that is not known from its output',
  );
  return { residual };
}

// With a residual the gradient before the activation is that of the branch, too: it is made once, from the kept output.
function throughActivation(
  plan: NormPlan,
  dy: Tensor,
  saved: readonly Tensor[],
  hasResidual: boolean,
): { plan: NormPlan; dy: Tensor; saved: readonly Tensor[] } {
  const { activation } = plan;
  if (!hasResidual || !activation) return { plan, dy, saved };
  const known = at(saved, saved.length - 1);
  return {
    plan: { ...plan, activation: undefined },
    dy: activationGrad(dy, known, activation),
    saved: saved.slice(0, -1),
  };
}

function frozenBackward(plan: NormPlan, dy: Tensor, saved: readonly Tensor[], hasResidual: boolean): Slopes {
  const [variance, gamma] = take(saved, 2);
  const back = throughActivation(plan, dy, saved, hasResidual);
  return {
    x: () => frozenGrad(back.plan, back.dy, variance, gamma, at(saved, saved.length - 1)),
    residual: () => tf.clone(back.dy),
  };
}

const parameterGrads = ({ sums, dots }: GradSums): Slopes => ({
  gamma: () => tf.clone(dots),
  beta: () => tf.clone(sums),
});
