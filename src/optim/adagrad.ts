import { atLeast, checkedArgs, declareArgs, number, optional, type ArgsOf } from '../registry/args/index.ts';
import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import { elementwiseRule, type ElementwiseRule } from './elementwiseRule.ts';
import type { OptimizerStateDict } from './optimizerState.ts';
import {
  eps,
  foreach,
  lr,
  maximize,
  maybeDifferentiable,
  maybeFused,
  params,
  weightDecay,
} from './commonArgs.ts';

const ARGS = declareArgs({
  params,
  lr: lr(1e-2),
  lr_decay: optional(atLeast(number, 0), 0, 'lr is divided by 1 + lr_decay times the steps before.'),
  weight_decay: weightDecay,
  initial_accumulator_value: optional(atLeast(number, 0), 0, 'What the sums of squares start from.'),
  eps: eps(1e-10),
  foreach,
  maximize,
  differentiable: maybeDifferentiable,
  fused: maybeFused,
});

export type AdagradArgs = ArgsOf<typeof ARGS>;

/**
 * d = g + weight_decay p; sum += d^2; p -= lr / (1 + (t - 1) lr_decay) * d / (sqrt(sum) + eps).
 * Every parameter has its state from the start, with or without a gradient.
 * Source: torch 1.13 `optim/adagrad.py`; Duchi et al., "Adaptive subgradient methods", 2011.
 */
export class Adagrad extends ElementwiseOptimizer {
  static readonly args: ArgSpec = ARGS;
  readonly #rule: ElementwiseRule;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdagradArgs) {
    const { params, lr, lrDecay, weightDecay, initialAccumulatorValue, eps, ...rest } = checkedArgs(
      ARGS,
      args,
    );
    super(params, {
      lr,
      lr_decay: lrDecay,
      eps,
      weight_decay: weightDecay,
      initial_accumulator_value: initialAccumulatorValue,
      foreach: rest.foreach,
      maximize: rest.maximize,
      ...given(args, ['differentiable', 'fused']),
    });
    // PyTorch starts from the argument, whatever a group says.
    this.#rule = { ...RULE, initialValue: () => initialAccumulatorValue };
  }

  override ruleFor(): ElementwiseRule {
    return this.#rule;
  }

  override step(): void {
    this.prepare();
    this.#start();
    super.step();
  }

  override async stateDict(): Promise<OptimizerStateDict> {
    this.#start();
    return super.stateDict();
  }

  /** Not in the constructor: an optimizer can be built without an adapter. */
  #start(): void {
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const state = this.stateOf(param);
        if (state.size > 0) continue;
        state.set('step', 0);
        this.stateTensor(param, 'sum', this.#rule.initialValue?.('sum', group));
      }
    }
  }
}

const RULE = elementwiseRule({
  name: 'adagrad',
  stateNames: ['sum'],
  countsSteps: true,
  hyper(group, step) {
    const stepSize = group.lr / (1 + (step - 1) * option(group, 'lr_decay'));
    return { ...decayHyper(group), eps: option(group, 'eps'), stepSize };
  },
  wgsl: `${DECAYED_GRAD}
  sum = sum + d * d;
  p = p - u.stepSize * d / (sqrt(sum) + u.eps);`,
  reference(x, u) {
    const d = decayedGrad(x, u);
    x.sum += d * d;
    x.p -= (u.stepSize * d) / (Math.sqrt(x.sum) + u.eps);
  },
});

OPTIMIZERS.registerModule()(Adagrad);
