// Sigmoid focal loss. Source: Lin et al., "Focal Loss for Dense Object Detection", 2017; mmdet 2.28.2 `models/losses/focal_loss.py`.

import { sigmoidFocalLoss, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import { checkReduction, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

export interface FocalLossArgs {
  useSigmoid?: boolean;
  /** How much easy examples are played down. */
  gamma?: number;
  /** Weight of the positive class, in [0, 1]. */
  alpha?: number;
  reduction?: string;
  lossWeight?: number;
  /** Predictions already went through a sigmoid; not supported. */
  activated?: boolean;
}

/**
 * With p the sigmoid of the logit of the target class: -alpha (1 - p)^gamma log(p), and for every other class
 * -(1 - alpha) p^gamma log(1 - p).
 */
export class FocalLoss implements Loss {
  static readonly args: ArgSpec = {
    optional: ['use_sigmoid', 'gamma', 'alpha', 'reduction', 'loss_weight', 'activated'],
    kinds: { use_sigmoid: 'bool', gamma: 'number', alpha: 'number', reduction: 'str', loss_weight: 'number' },
  };
  readonly #gamma: number;
  readonly #alpha: number;
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor(args: FocalLossArgs = {}) {
    const {
      useSigmoid = true,
      gamma = 2,
      alpha = 0.25,
      reduction = 'mean',
      lossWeight = 1,
      activated,
    } = args;
    if (!useSigmoid)
      throw new ConfigError('use_sigmoid must be True, but got False: only sigmoid focal loss exists', {
        code: 'bad-value',
      });
    if (activated)
      throw new ConfigError('activated must be False, but got True: the loss takes logits', {
        code: 'unsupported',
      });
    this.#gamma = gamma;
    this.#alpha = alpha;
    this.#reduction = checkReduction(reduction);
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
