import {
  atLeast,
  checkedArgs,
  declareArgs,
  flag,
  number,
  optional,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import { LATER_OPTIONS } from './optimizer.ts';
import type { ParamGroup } from './paramGroup.ts';
import {
  differentiable,
  eps,
  foreach,
  lr,
  maximize,
  maybeCapturable,
  params,
  weightDecay,
} from './commonArgs.ts';
import { at } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-2),
  alpha: optional(atLeast(number, 0), 0.99, 'Decay rate of the running averages.'),
  eps: eps(1e-8),
  weight_decay: weightDecay,
  momentum: optional(atLeast(number, 0), 0, 'Share of the last step that is taken again.'),
  centered: optional(
    flag,
    false,
    'Divide by the standard deviation of the gradient, not by its root mean square.',
  ),
  foreach,
  maximize,
  differentiable,
  capturable: maybeCapturable,
});

export type RmspropArgs = ArgsOf<typeof ARGS>;

/**
 * d = g + weight_decay p; s = alpha s + (1 - alpha) d^2; with centered: a = alpha a + (1 - alpha) d, s' = s - a^2;
 * p -= lr d / (sqrt(s') + eps), or with momentum: b = momentum b + d / (sqrt(s') + eps), p -= lr b.
 * Source: torch 1.13 `optim/rmsprop.py`; Hinton, "Neural networks for machine learning", lecture 6; Graves, 2013.
 */
export class RMSprop extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = [];
  override readonly laterOptions = { ...LATER_OPTIONS, momentum: 0, centered: false };

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: RmspropArgs) {
    const { params, lr, alpha, eps, weightDecay, momentum, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      momentum,
      alpha,
      eps,
      centered: rest.centered,
      weight_decay: weightDecay,
      foreach: rest.foreach,
      maximize: rest.maximize,
      differentiable: rest.differentiable,
      ...given(args, ['capturable']),
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    return at(RULES, (group.centered ? 2 : 0) + ((group.momentum ?? 0) > 0 ? 1 : 0));
  }
}

function makeRule(isCentered: boolean, hasMomentum: boolean): ElementwiseRule {
  return elementwiseRule({
    name: `rmsprop${isCentered ? 'Centered' : ''}${hasMomentum ? 'Momentum' : ''}`,
    stateNames: [
      'square_avg',
      ...(hasMomentum ? (['momentum_buffer'] as const) : []),
      ...(isCentered ? (['grad_avg'] as const) : []),
    ],
    countsSteps: true,
    hyper(group) {
      const alpha = option(group, 'alpha');
      return {
        ...decayHyper(group),
        alpha,
        oneMinusAlpha: 1 - alpha,
        eps: option(group, 'eps'),
        momentum: group.momentum ?? 0,
        lr: group.lr,
      };
    },
    wgsl: `${DECAYED_GRAD}
  square_avg = u.alpha * square_avg + u.oneMinusAlpha * d * d;
  ${isCentered ? 'grad_avg = u.alpha * grad_avg + u.oneMinusAlpha * d;' : ''}
  let scale = sqrt(square_avg${isCentered ? ' - grad_avg * grad_avg' : ''}) + u.eps;
  ${
    hasMomentum
      ? 'momentum_buffer = u.momentum * momentum_buffer + d / scale; p = p - u.lr * momentum_buffer;'
      : 'p = p - u.lr * d / scale;'
  }`,
    reference(x, u) {
      const d = decayedGrad(x, u);
      x.square_avg = u.alpha * x.square_avg + u.oneMinusAlpha * d * d;
      if (isCentered) x.grad_avg = u.alpha * x.grad_avg + u.oneMinusAlpha * d;
      const variance = isCentered ? x.square_avg - x.grad_avg * x.grad_avg : x.square_avg;
      const scale = Math.sqrt(variance) + u.eps;
      if (hasMomentum) {
        x.momentum_buffer = u.momentum * x.momentum_buffer + d / scale;
        x.p -= u.lr * x.momentum_buffer;
      } else x.p -= (u.lr * d) / scale;
    },
  });
}

/** By centered, then momentum. */
const RULES: readonly ElementwiseRule[] = [
  makeRule(false, false),
  makeRule(false, true),
  makeRule(true, false),
  makeRule(true, true),
];

OPTIMIZERS.registerModule()(RMSprop);
