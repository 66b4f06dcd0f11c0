import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue, checkNonNegative } from './checks.ts';
import { given, type CommonArgs } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';
import { at } from '../util/at.ts';

export interface RpropArgs extends CommonArgs {
  /** Step size at the start. Default 1e-2. */
  lr?: number;
  /** Factors of the step size when the gradient's sign changes (in (0, 1)) and when it stays (above 1). Default (0.5, 1.2). */
  etas?: readonly number[];
  /** Smallest and largest step size. Default (1e-6, 50). */
  stepSizes?: readonly number[];
  /** Climb instead of descend. */
  maximize?: boolean;
}

/**
 * Resilient backpropagation: only the gradient's sign counts.
 * s = clamp(s * eta, step_sizes), eta by the sign of g * prev; where the sign has changed, g = 0; p -= sign(g) s; prev = g.
 * Source: torch 1.13 `optim/rprop.py`; Riedmiller & Braun, 1993.
 */
export class Rprop extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: ['lr', 'etas', 'step_sizes', 'foreach', 'maximize', 'capturable', 'differentiable'],
    kinds: OPTIMIZER_KINDS,
  };
  override readonly scalarTensors = [];

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: RpropArgs) {
    const { params, lr = 1e-2, etas = [0.5, 1.2], stepSizes = [1e-6, 50] } = args;
    checkNonNegative('lr', lr);
    if (!(etas.length === 2 && at(etas, 0) > 0 && at(etas, 0) < 1 && at(etas, 1) > 1)) {
      throw badValue('etas', 'must be one number in (0, 1) and one above 1', etas);
    }
    if (stepSizes.length !== 2) throw badValue('step_sizes', 'must be two numbers', stepSizes);
    super(params, {
      lr,
      etas: [...etas],
      step_sizes: [...stepSizes],
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
  name: 'rprop',
  stateNames: ['prev', 'step_size'],
  countsSteps: true,
  initialValue: (key, group) => (key === 'step_size' ? group.lr : 0),
  hyper(group) {
    const [shrink, grow] = group.etas as readonly number[];
    const [smallest, largest] = group.step_sizes as readonly number[];
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
};

OPTIMIZERS.registerModule()(Rprop);
