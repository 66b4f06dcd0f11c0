import { OPTIMIZERS, type ArgSpec } from '../registry/index.ts';
import { checkAllNonNegative } from './checks.ts';
import { DECAYED_GRAD, decayedGrad, decayHyper, option, type CommonArgs, given } from './decayedGrad.ts';
import { ElementwiseOptimizer } from './elementwiseOptimizer.ts';
import type { ElementwiseRule } from './elementwiseRule.ts';
import type { OptimizerStateDict } from './optimizerState.ts';
import { OPTIMIZER_KINDS } from './optimizerKinds.ts';

export interface AdagradArgs extends CommonArgs {
  /** Default 1e-2. */
  lr?: number;
  /** Default 0. */
  lrDecay?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** What the sums of squares start from. Default 0. */
  initialAccumulatorValue?: number;
  /** Default 1e-10. */
  eps?: number;
  /** Climb instead of descend. */
  maximize?: boolean;
}

/**
 * d = g + weight_decay p; sum += d^2; p -= lr / (1 + (t - 1) lr_decay) * d / (sqrt(sum) + eps).
 * Every parameter has its state from the start, with or without a gradient.
 * Source: torch 1.13 `optim/adagrad.py`; Duchi et al., "Adaptive subgradient methods", 2011.
 */
export class Adagrad extends ElementwiseOptimizer {
  static readonly args: ArgSpec = {
    required: ['params'],
    optional: [
      'lr',
      'lr_decay',
      'weight_decay',
      'initial_accumulator_value',
      'eps',
      'foreach',
      'maximize',
      'differentiable',
      'fused',
    ],
    kinds: OPTIMIZER_KINDS,
  };
  readonly #rule: ElementwiseRule;

  /** @throws ConfigError `bad-value`, and those of {@link Optimizer} */
  constructor(args: AdagradArgs) {
    const {
      params,
      lr = 1e-2,
      lrDecay = 0,
      weightDecay = 0,
      initialAccumulatorValue = 0,
      eps = 1e-10,
    } = args;
    checkAllNonNegative({
      lr,
      lr_decay: lrDecay,
      weight_decay: weightDecay,
      initial_accumulator_value: initialAccumulatorValue,
      eps,
    });
    super(params, {
      lr,
      lr_decay: lrDecay,
      eps,
      weight_decay: weightDecay,
      initial_accumulator_value: initialAccumulatorValue,
      foreach: args.foreach ?? null,
      maximize: args.maximize ?? false,
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

const RULE: ElementwiseRule = {
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
};

OPTIMIZERS.registerModule()(Adagrad);
