import {
  absent,
  atLeast,
  checkedArgs,
  declareArgs,
  flag,
  number,
  optional,
  type ArgsOf,
} from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { badValue } from './checks.ts';
import { given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule, type Scalars } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';
import { differentiable, foreach, maximize, maybeFused, params, weightDecay } from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: absent(atLeast(number, 0), 'Learning rate; required here or in every group.'),
  momentum: optional(atLeast(number, 0), 0, 'Share of the last step that is taken again.'),
  dampening: optional(number, 0, 'Share of the gradient that does not enter the momentum.'),
  weight_decay: weightDecay,
  nesterov: optional(flag, false, "Nesterov's momentum; needs a momentum and no dampening."),
  maximize,
  foreach,
  differentiable,
  fused: maybeFused,
});

export type SgdArgs = ArgsOf<typeof ARGS>;

/**
 * Stochastic gradient descent with momentum.
 * d = g + weight_decay p; b = momentum b + (1 - dampening) d (first step: b = d); p -= lr b, or with nesterov
 * p -= lr (d + momentum b).
 * Source: torch 1.13 `optim/sgd.py`; Sutskever et al., "On the importance of initialization and momentum", 2013.
 */
export class SGD extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: SgdArgs) {
    const { params, lr, momentum, dampening, weightDecay, nesterov, ...rest } = checkedArgs(ARGS, args);
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw badValue('nesterov', 'needs a momentum and zero dampening', { momentum, dampening });
    }
    super(params, {
      lr,
      momentum,
      dampening,
      weight_decay: weightDecay,
      nesterov,
      maximize: rest.maximize,
      foreach: rest.foreach,
      differentiable: rest.differentiable,
      ...given(args, ['fused']),
    });
  }

  override ruleFor(group: ParamGroup): ElementwiseRule {
    if (!group.momentum) return PLAIN;
    return group.nesterov ? NESTEROV : MOMENTUM;
  }
}

const DECAYED = 'let d = u.sign * g + u.weightDecay * p;';

function hyper(
  group: ParamGroup,
  step: number,
): Scalars<'lr' | 'sign' | 'weightDecay' | 'momentum' | 'keep'> {
  const { lr, momentum = 0, weight_decay: weightDecay = 0 } = group;
  const dampening = Number(group.dampening ?? 0);
  const sign = group.maximize ? -1 : 1;
  // The first buffer is the gradient itself, undamped; the buffer before it is zero.
  return { lr, sign, weightDecay, momentum, keep: step === 1 ? 1 : 1 - dampening };
}

const PLAIN = elementwiseRule({
  name: 'sgd',
  stateNames: [],
  emptyStates: ['momentum_buffer'],
  countsSteps: false,
  hyper,
  wgsl: `${DECAYED} p = p - u.lr * d;`,
  reference(x, u) {
    x.p -= u.lr * (u.sign * x.g + u.weightDecay * x.p);
  },
});

const MOMENTUM = elementwiseRule({
  name: 'sgdMomentum',
  stateNames: ['momentum_buffer'],
  countsSteps: false,
  hyper,
  wgsl: `${DECAYED}
  momentum_buffer = u.momentum * momentum_buffer + u.keep * d;
  p = p - u.lr * momentum_buffer;`,
  reference(x, u) {
    const d = u.sign * x.g + u.weightDecay * x.p;
    x.momentum_buffer = u.momentum * x.momentum_buffer + u.keep * d;
    x.p -= u.lr * x.momentum_buffer;
  },
});

const NESTEROV = elementwiseRule({
  ...MOMENTUM,
  name: 'sgdNesterov',
  wgsl: `${DECAYED}
  momentum_buffer = u.momentum * momentum_buffer + u.keep * d;
  p = p - u.lr * (d + u.momentum * momentum_buffer);`,
  reference(x, u) {
    const d = u.sign * x.g + u.weightDecay * x.p;
    x.momentum_buffer = u.momentum * x.momentum_buffer + u.keep * d;
    x.p -= u.lr * (d + u.momentum * x.momentum_buffer);
  },
});

OPTIMIZERS.registerModule()(SGD);
