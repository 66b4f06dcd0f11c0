import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue, checkBetas } from './checks.ts';
import { adamRule } from './adamRule.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { CommonArgs } from './decayedGrad.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

export interface SparseAdamArgs extends Omit<CommonArgs, 'foreach'> {
  /** Above 0. Default 1e-3. */
  lr?: number;
  /** Decay rates of the running averages, in [0, 1). Default (0.9, 0.999). */
  betas?: readonly number[];
  /** Above 0. Default 1e-8. */
  eps?: number;
  /** Climb instead of descend. */
  maximize?: boolean;
}

/**
 * Adam for gradients of a few rows: the others and their running averages stay as they are. The step is counted for
 * the whole parameter. Gradients are dense here, so a row is one of those few when any of its values isn't 0.
 * p -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps), m and v as in {@link adamRule}.
 * Source: torch 1.13 `optim/sparse_adam.py`.
 */
export class SparseAdam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: ['lr', 'betas', 'eps', 'maximize'],
    kinds: OPTIMIZER_KINDS,
  };
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor({ params, lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, maximize = false }: SparseAdamArgs) {
    if (!(lr > 0)) throw badValue('lr', 'must be a number above 0', lr);
    if (!(eps > 0)) throw badValue('eps', 'must be a number above 0', eps);
    checkBetas(betas);
    super(params, { lr, betas: [...betas], eps, maximize });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const ADAM = adamRule('coupled', false);

const RULE: ElementwiseRule = {
  ...ADAM,
  name: 'sparseAdam',
  skipsZeroRows: true,
  hyper(group, step, before) {
    const { stepSize, correction, ...rest } = ADAM.hyper(group, step, before);
    // eps isn't corrected here, unlike in Adam: the whole correction is in the step size.
    return { ...rest, stepSize: stepSize * correction, correction: 1 };
  },
};

OPTIMIZERS.registerModule()(SparseAdam);
