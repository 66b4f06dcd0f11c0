import { between, checkedArgs, declareArgs, number, optional, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import {
  eps,
  foreach,
  lr,
  maximize,
  maybeCapturable,
  maybeDifferentiable,
  params,
  weightDecay,
} from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1),
  rho: optional(between(number, 0, 1), 0.9, 'Decay rate of the running averages.'),
  eps: eps(1e-6),
  weight_decay: weightDecay,
  foreach,
  maximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type AdadeltaArgs = ArgsOf<typeof ARGS>;

/**
 * d = g + weight_decay p; s = rho s + (1 - rho) d^2; delta = sqrt(a + eps) / sqrt(s + eps) d;
 * a = rho a + (1 - rho) delta^2; p -= lr delta.
 * Source: torch 1.13 `optim/adadelta.py`; Zeiler, "ADADELTA", 2012.
 */
export class Adadelta extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdadeltaArgs) {
    const { params, lr, rho, eps, weightDecay, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      rho,
      eps,
      weight_decay: weightDecay,
      maximize: rest.maximize,
      foreach: rest.foreach,
      ...given(args, ['capturable', 'differentiable']),
    });
  }

  override ruleFor(): ElementwiseRule {
    return RULE;
  }
}

const RULE = elementwiseRule({
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
});

OPTIMIZERS.registerModule()(Adadelta);
