// Generalized focal losses. Source: Li et al., "Generalized Focal Loss", 2020; mmdet 2.28.2 `models/losses/gfocal_loss.py`.

import { distributionFocalLoss, qualityFocalLoss, sum, type Tensor } from '../../gpu/index.ts';
import {
  absent,
  declareArgs,
  MODELS,
  number,
  oneOf,
  optional,
  unsupported,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import { LOSS_ARGS, lossReduction, type LossOptions, type Reduction } from './reduction.ts';

const QUALITY_ARGS = declareArgs({
  ...LOSS_ARGS.table,
  use_sigmoid: optional(oneOf(true), true, 'One sigmoid per class; there is no other such loss.'),
  beta: optional(number, 2, 'How much easy examples are played down.'),
  activated: absent(unsupported(false), 'Predictions already went through a sigmoid.'),
});

abstract class ReducedLoss {
  static readonly part = 'loss';
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ reduction, lossWeight }: Complete<typeof LOSS_ARGS>) {
    this.#reduction = reduction;
    this.#lossWeight = lossWeight;
  }

  /** @param count rows that a mean is over */
  protected reduced({ avgFactor = null, reductionOverride }: LossOptions, count: number) {
    return lossReduction(reductionOverride ?? this.#reduction, this.#lossWeight, avgFactor, count);
  }
}

/**
 * With p the sigmoid of a logit and t the quality of the row's class, 0 for every other: |t - p|^beta times the binary cross
 * entropy of p and t.
 */
export class QualityFocalLoss extends ReducedLoss {
  static readonly args = QUALITY_ARGS;
  readonly #beta: number;

  constructor(args: ArgsOf<typeof QUALITY_ARGS> = {}) {
    const complete = withDefaults(QUALITY_ARGS, args);
    super(complete);
    this.#beta = complete.beta;
  }

  /**
   * @param pred logits, float32 [N, K]
   * @param target labels, int32 [N], in [0, K] (K means background), and qualities, float32 [N], in [0, 1]
   * @param options weight per row [N]
   * @returns a scalar, or with reduction `none` [N]
   */
  forward(pred: Tensor, [labels, quality]: readonly [Tensor, Tensor], options: LossOptions = {}): Tensor {
    const reduction = this.reduced(options, labels.size);
    const loss = qualityFocalLoss(pred, labels, quality, options.weight ?? null, this.#beta, reduction);
    return reduction.isElementwise ? sum(loss, [1]) : loss;
  }
}

/** How far the mass of a distribution over the places 0 to n is from the two places around a target. */
export class DistributionFocalLoss extends ReducedLoss {
  static readonly args = LOSS_ARGS;

  constructor(args: ArgsOf<typeof LOSS_ARGS> = {}) {
    super(withDefaults(LOSS_ARGS, args));
  }

  /**
   * @param pred logits, float32 [N, n + 1]
   * @param target float32 [N], in [0, n]
   * @param options weight per row [N]
   */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    return distributionFocalLoss(pred, target, options.weight ?? null, this.reduced(options, target.size));
  }
}

MODELS.registerModule()(QualityFocalLoss);
MODELS.registerModule()(DistributionFocalLoss);
