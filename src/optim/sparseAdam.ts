import { above, checkedArgs, declareArgs, number, optional, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { adamRule } from './adamRule.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import { betas, maximize, params } from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: optional(above(number, 0), 1e-3, 'Learning rate.'),
  betas,
  eps: optional(above(number, 0), 1e-8, 'Added to the denominator.'),
  maximize,
});

export type SparseAdamArgs = ArgsOf<typeof ARGS>;

/**
 * Adam for gradients of a few rows: the others and their running averages stay as they are. The step is counted for
 * the whole parameter. Gradients are dense here, so a row is one of those few when any of its values isn't 0.
 * p -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps), m and v as in {@link adamRule}.
 * Source: torch 1.13 `optim/sparse_adam.py`.
 */
export class SparseAdam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: SparseAdamArgs) {
    const { params, lr, betas, eps, maximize } = checkedArgs(ARGS, args);
    super(params, { lr, betas: [...betas], eps, maximize });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const ADAM = adamRule('coupled', false);

const RULE = elementwiseRule({
  ...ADAM,
  name: 'sparseAdam',
  skipsZeroRows: true,
  hyper(group, step, before) {
    const { stepSize, correction, ...rest } = ADAM.hyper(group, step, before);
    // eps isn't corrected here, unlike in Adam: the whole correction is in the step size.
    return { ...rest, stepSize: stepSize * correction, correction: 1 };
  },
});

OPTIMIZERS.registerModule()(SparseAdam);
