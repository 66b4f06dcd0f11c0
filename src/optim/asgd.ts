import { checkedArgs, declareArgs, number, optional, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import {
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
  lr: lr(1e-2),
  lambd: optional(number, 1e-4, 'Decay term.'),
  alpha: optional(number, 0.75, "Power of the learning rate's decline."),
  t0: optional(number, 1e6, 'Step from which the average is taken.', 'steps'),
  weight_decay: weightDecay,
  foreach,
  maximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type AsgdArgs = ArgsOf<typeof ARGS>;

/**
 * Averaged stochastic gradient descent; the average is the state's `ax`.
 * d = g + weight_decay p; p = (1 - lambd eta) p - eta d; ax += mu (p - ax);
 * then eta = lr / (1 + lambd lr t)^alpha, mu = 1 / max(1, t - t0).
 * Source: torch 1.13 `optim/asgd.py`; Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
 */
export class ASGD extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = ['step', 'eta', 'mu'];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AsgdArgs) {
    const { params, lr, lambd, alpha, t0, weightDecay, ...rest } = checkedArgs(ARGS, args);
    super(params, {
      lr,
      lambd,
      alpha,
      t0,
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
  name: 'asgd',
  stateNames: ['ax'],
  countsSteps: true,
  scalars: {
    initial: ({ lr }) => ({ eta: lr, mu: 1 }),
    next: (group, step) => ({
      eta: group.lr / (1 + option(group, 'lambd') * group.lr * step) ** option(group, 'alpha'),
      mu: 1 / Math.max(1, step - option(group, 't0')),
    }),
  },
  hyper(group, _step, { eta, mu }) {
    return { ...decayHyper(group), shrink: 1 - option(group, 'lambd') * eta, eta, mu };
  },
  wgsl: `${DECAYED_GRAD}
  p = p * u.shrink - u.eta * d;
  ax = select(ax + (p - ax) * u.mu, p, u.mu == 1.0);`,
  reference(x, u) {
    const d = decayedGrad(x, u);
    x.p = x.p * u.shrink - u.eta * d;
    x.ax = u.mu === 1 ? x.p : x.ax + (x.p - x.ax) * u.mu;
  },
});

OPTIMIZERS.registerModule()(ASGD);
