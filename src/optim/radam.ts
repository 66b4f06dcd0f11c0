import { checkedArgs, declareArgs, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import {
  betas,
  decoupledWeightDecay,
  eps,
  foreach,
  lr,
  maybeCapturable,
  maybeDifferentiable,
  maybeMaximize,
  params,
  weightDecay,
} from './commonArgs.ts';
import { take } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  decoupled_weight_decay: decoupledWeightDecay,
  foreach,
  maximize: maybeMaximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type RadamArgs = ArgsOf<typeof ARGS>;

/**
 * Adam whose adaptive rate waits until its variance is known.
 * d = g + weight_decay p; m = b1 m + (1 - b1) d; v = b2 v + (1 - b2) d^2;
 * rho = rho_inf - 2 t b2^t / (1 - b2^t), rho_inf = 2 / (1 - b2) - 1; p -= lr m / (1 - b1^t), and where rho > 5 that times
 * rect sqrt(1 - b2^t) / (sqrt(v) + eps), rect = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho)).
 * Source: torch 1.13 `optim/radam.py`; Liu et al., "On the variance of the adaptive learning rate", 2020.
 */
export class RAdam extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: RadamArgs) {
    const { params, lr, betas, eps, weightDecay, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      betas: [...betas],
      eps,
      weight_decay: weightDecay,
      // Only where it is used: torch 1.13's groups don't have it.
      ...(rest.decoupledWeightDecay ? { decoupled_weight_decay: true } : {}),
      foreach: rest.foreach,
      ...given(args, ['maximize', 'capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const RULE = elementwiseRule({
  name: 'radam',
  stateNames: ['exp_avg', 'exp_avg_sq'],
  countsSteps: true,
  hyper(group, step) {
    const [beta1, beta2] = take(group.betas ?? [], 2);
    const { lr } = group;
    const correction2 = 1 - beta2 ** step;
    const limit = 2 / (1 - beta2) - 1;
    const rho = limit - (2 * step * beta2 ** step) / correction2;
    const isAdaptive = rho > 5;
    const rect = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
    const stepSize = lr / (1 - beta1 ** step);
    const { sign, weightDecay } = decayHyper(group);
    const isDecoupled = Boolean(group.decoupled_weight_decay);
    return {
      sign,
      weightDecay: isDecoupled ? 0 : weightDecay,
      shrink: isDecoupled ? 1 - lr * weightDecay : 1,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      eps: option(group, 'eps'),
      isAdaptive: isAdaptive ? 1 : 0,
      stepSize: isAdaptive ? stepSize * rect * Math.sqrt(correction2) : stepSize,
    };
  },
  wgsl: `p = p * u.shrink;
  let d = u.sign * g + u.weightDecay * p;
  exp_avg = u.beta1 * exp_avg + u.oneMinusBeta1 * d;
  exp_avg_sq = u.beta2 * exp_avg_sq + u.oneMinusBeta2 * d * d;
  p = p - u.stepSize * exp_avg / select(1.0, sqrt(exp_avg_sq) + u.eps, u.isAdaptive == 1.0);`,
  reference(x, u) {
    x.p *= u.shrink;
    const d = u.sign * x.g + u.weightDecay * x.p;
    x.exp_avg = u.beta1 * x.exp_avg + u.oneMinusBeta1 * d;
    x.exp_avg_sq = u.beta2 * x.exp_avg_sq + u.oneMinusBeta2 * d * d;
    x.p -= (u.stepSize * x.exp_avg) / (u.isAdaptive ? Math.sqrt(x.exp_avg_sq) + u.eps : 1);
  },
});

OPTIMIZERS.registerModule()(RAdam);
