import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue, checkAllNonNegative } from './checks.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, type CommonArgs, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

export interface AdadeltaArgs extends CommonArgs {
  /** Default 1. */
  lr?: number;
  /** Decay rate of the running averages, in [0, 1]. Default 0.9. */
  rho?: number;
  /** Default 1e-6. */
  eps?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. */
  maximize?: boolean;
}

/**
 * d = g + weight_decay p; s = rho s + (1 - rho) d^2; delta = sqrt(a + eps) / sqrt(s + eps) d;
 * a = rho a + (1 - rho) delta^2; p -= lr delta.
 * Source: torch 1.13 `optim/adadelta.py`; Zeiler, "ADADELTA", 2012.
 */
export class Adadelta extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: ['lr', 'rho', 'eps', 'weight_decay', 'foreach', 'maximize', 'capturable', 'differentiable'],
    kinds: OPTIMIZER_KINDS,
  };
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdadeltaArgs) {
    const { params, lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0 } = args;
    checkAllNonNegative({ lr, rho, eps, weight_decay: weightDecay });
    if (rho > 1) throw badValue('rho', 'must be in [0, 1]', rho);
    super(params, {
      lr,
      rho,
      eps,
      weight_decay: weightDecay,
      maximize: args.maximize ?? false,
      foreach: args.foreach ?? null,
      ...given(args, ['capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const RULE: ElementwiseRule = {
  name: 'adadelta',
  stateNames: ['square_avg', 'acc_delta'],
  countsSteps: true,
  hyper(group) {
    const rho = option(group, 'rho');
    return { ...decayHyper(group), rho, oneMinusRho: 1 - rho, eps: option(group, 'eps'), lr: group.lr };
  },
  wgsl: `${DECAYED_GRAD}
  square_avg = u.rho * square_avg + u.oneMinusRho * d * d;
  let delta = sqrt(acc_delta + u.eps) / sqrt(square_avg + u.eps) * d;
  acc_delta = u.rho * acc_delta + u.oneMinusRho * delta * delta;
  p = p - u.lr * delta;`,
  reference(x, u) {
    const d = decayedGrad(x, u);
    x.square_avg = u.rho * x.square_avg + u.oneMinusRho * d * d;
    const delta = (Math.sqrt(x.acc_delta + u.eps) / Math.sqrt(x.square_avg + u.eps)) * d;
    x.acc_delta = u.rho * x.acc_delta + u.oneMinusRho * delta * delta;
    x.p -= u.lr * delta;
  },
};

OPTIMIZERS.registerModule()(Adadelta);
