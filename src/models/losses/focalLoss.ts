// Sigmoid focal loss. Source: Lin et al., "Focal Loss for Dense Object Detection", 2017; mmdet 2.28.2 `models/losses/focal_loss.py`.

import { sigmoidFocalLoss, type Tensor } from '../../gpu/index.ts';
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
} from '../../registry/index.ts';
import { LOSS_ARGS, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

const FOCAL_ARGS = declareArgs({
  ...LOSS_ARGS.table,
  use_sigmoid: optional(oneOf(true), true, 'One sigmoid per class; there is no other focal loss.'),
  gamma: optional(number, 2, 'How much easy examples are played down.'),
  alpha: optional(number, 0.25, 'Weight of the positive class, from 0 to 1.'),
  activated: absent(unsupported(false), 'Predictions already went through a sigmoid.'),
});

/**
 * With p the sigmoid of the logit of the target class: -alpha (1 - p)^gamma log(p), and for every other class
 * -(1 - alpha) p^gamma log(1 - p).
 */
export class FocalLoss implements Loss {
  static readonly args = FOCAL_ARGS;
  static readonly part = 'loss';
  readonly #gamma: number;
  readonly #alpha: number;
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor(args: ArgsOf<typeof FOCAL_ARGS> = {}) {
    const { gamma, alpha, reduction, lossWeight } = withDefaults(FOCAL_ARGS, args);
    this.#gamma = gamma;
    this.#alpha = alpha;
    this.#reduction = reduction;
    this.#lossWeight = lossWeight;
  }

  /**
   * @param pred logits, float32 [N, K]
   * @param target int32 [N], in [0, K]; K means background
   * @param options weight per row [N]
   */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { weight = null, avgFactor = null, reductionOverride } = options;
    const focal = { gamma: this.#gamma, alpha: this.#alpha };
    const reduction = reductionOverride ?? this.#reduction;
    const reduced = lossReduction(reduction, this.#lossWeight, avgFactor, pred.size);
    return sigmoidFocalLoss(pred, target, weight, focal, reduced);
  }
}

MODELS.registerModule()(FocalLoss);
