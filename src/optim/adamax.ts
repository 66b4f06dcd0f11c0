import { checkedArgs, declareArgs, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import {
  betas,
  eps,
  foreach,
  lr,
  maximize,
  maybeCapturable,
  maybeDifferentiable,
  params,
  weightDecay,
} from './commonArgs.ts';
import { take } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(2e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  foreach,
  maximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type AdamaxArgs = ArgsOf<typeof ARGS>;

/**
 * Adam with the infinity norm.
 * d = g + weight_decay p; m = b1 m + (1 - b1) d; n = max(b2 n, |d| + eps); p -= lr / (1 - b1^t) * m / n.
 * Source: torch 1.13 `optim/adamax.py`; Kingma & Ba, "Adam", 2015, section 7.1.
 */
export class Adamax extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdamaxArgs) {
    const { params, lr, betas, eps, weightDecay, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      betas: [...betas],
      eps,
      weight_decay: weightDecay,
      foreach: rest.foreach,
      maximize: rest.maximize,
      ...given(args, ['capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const RULE = elementwiseRule({
  name: 'adamax',
  stateNames: ['exp_avg', 'exp_inf'],
  countsSteps: true,
  hyper(group, step) {
    const [beta1, beta2] = take(group.betas ?? [], 2);
    return {
      ...decayHyper(group),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      eps: option(group, 'eps'),
      stepSize: group.lr / (1 - beta1 ** step),
    };
  },
  wgsl: `${DECAYED_GRAD}
  exp_avg = u.beta1 * exp_avg + u.oneMinusBeta1 * d;
  exp_inf = max(u.beta2 * exp_inf, abs(d) + u.eps);
  p = p - u.stepSize * exp_avg / exp_inf;`,
  reference(x, u) {
    const d = decayedGrad(x, u);
    x.exp_avg = u.beta1 * x.exp_avg + u.oneMinusBeta1 * d;
    x.exp_inf = Math.max(u.beta2 * x.exp_inf, Math.abs(d) + u.eps);
    x.p -= (u.stepSize * x.exp_avg) / x.exp_inf;
  },
});

OPTIMIZERS.registerModule()(Adamax);
