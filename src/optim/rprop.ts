import {
  above,
  checkedArgs,
  declareArgs,
  number,
  optional,
  pairOf,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue } from './checks.ts';
import { given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import { foreach, lr, maximize, maybeCapturable, maybeDifferentiable, params } from './commonArgs.ts';
import { take } from '../util/at.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-2),
  etas: optional(
    pairOf(above(number, 0)),
    [0.5, 1.2],
    "Factors of the step size where the gradient's sign changes (below 1) and where it stays (above 1).",
  ),
  step_sizes: optional(pairOf(number), [1e-6, 50], 'Smallest and largest step size.'),
  foreach,
  maximize,
  capturable: maybeCapturable,
  differentiable: maybeDifferentiable,
});

export type RpropArgs = ArgsOf<typeof ARGS>;

/**
 * Resilient backpropagation: only the gradient's sign counts.
 * s = clamp(s * eta, step_sizes), eta by the sign of g * prev; where the sign has changed, g = 0; p -= sign(g) s; prev = g.
 * Source: torch 1.13 `optim/rprop.py`; Riedmiller & Braun, 1993.
 */
export class Rprop extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: RpropArgs) {
    const { params, lr, etas, stepSizes, ...rest } = checkedArgs(ARGS, args);
    if (!(etas[0] < 1 && etas[1] > 1))
      throw badValue('etas', 'must be one number in (0, 1) and one above 1', etas);
    super(params, {
      lr,
      etas: [...etas],
      step_sizes: [...stepSizes],
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
  name: 'rprop',
  stateNames: ['prev', 'step_size'],
  countsSteps: true,
  initialValue: (key, group) => (key === 'step_size' ? group.lr : 0),
  hyper(group) {
    const [shrink, grow] = take(group.etas as readonly number[], 2);
    const [smallest, largest] = take(group.step_sizes as readonly number[], 2);
    return { sign: group.maximize ? -1 : 1, shrink, grow, smallest, largest };
  },
  wgsl: `let agreement = sign(u.sign * g) * sign(prev);
  let eta = select(select(1.0, u.shrink, agreement < 0.0), u.grow, agreement > 0.0);
  step_size = clamp(step_size * eta, u.smallest, u.largest);
  prev = select(u.sign * g, 0.0, agreement < 0.0);
  p = p - sign(prev) * step_size;`,
  reference(x, u) {
    const agreement = Math.sign(u.sign * x.g) * Math.sign(x.prev);
    const eta = agreement > 0 ? u.grow : agreement < 0 ? u.shrink : 1;
    x.step_size = Math.min(Math.max(x.step_size * eta, u.smallest), u.largest);
    x.prev = agreement < 0 ? 0 : u.sign * x.g;
    x.p -= Math.sign(x.prev) * x.step_size;
  },
});

OPTIMIZERS.registerModule()(Rprop);
