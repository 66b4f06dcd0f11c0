import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { checkAllNonNegative, checkBetas } from './checks.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, type CommonArgs, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

export interface AdamaxArgs extends CommonArgs {
  /** Default 2e-3. */
  lr?: number;
  /** Decay rates of the running average and of the running maximum, in [0, 1). Default (0.9, 0.999). */
  betas?: readonly number[];
  /** Default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. */
  maximize?: boolean;
}

/**
 * Adam with the infinity norm.
 * d = g + weight_decay p; m = b1 m + (1 - b1) d; n = max(b2 n, |d| + eps); p -= lr / (1 - b1^t) * m / n.
 * Source: torch 1.13 `optim/adamax.py`; Kingma & Ba, "Adam", 2015, section 7.1.
 */
export class Adamax extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: ['lr', 'betas', 'eps', 'weight_decay', 'foreach', 'maximize', 'capturable', 'differentiable'],
    kinds: OPTIMIZER_KINDS,
  };

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdamaxArgs) {
    const { params, lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = args;
    checkAllNonNegative({ lr, eps, weight_decay: weightDecay });
    checkBetas(betas);
    super(params, {
      lr,
      betas: [...betas],
      eps,
      weight_decay: weightDecay,
      foreach: args.foreach ?? null,
      maximize: args.maximize ?? false,
      ...given(args, ['capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const RULE: ElementwiseRule = {
  name: 'adamax',
  stateNames: ['exp_avg', 'exp_inf'],
  countsSteps: true,
  hyper(group, step) {
    const [beta1, beta2] = group.betas ?? [];
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
};

OPTIMIZERS.registerModule()(Adamax);
