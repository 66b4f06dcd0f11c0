// Losses on the overlap of predicted and true boxes. Source: mmdet 2.28.2 `models/losses/iou_loss.py`.

import { giouLoss, iouLoss, type IouMode, type LossReduction, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import { checkReduction, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

export interface IoULossArgs {
  /** True: the same as mode 'linear' (deprecated in MMDetection). */
  linear?: boolean;
  eps?: number;
  reduction?: string;
  lossWeight?: number;
  mode?: string;
}

export interface GIoULossArgs {
  eps?: number;
  reduction?: string;
  lossWeight?: number;
}

/** A loss per box, weighted and reduced. */
abstract class BoxLoss implements Loss {
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ reduction = 'mean', lossWeight = 1 }: GIoULossArgs) {
    this.#reduction = checkReduction(reduction);
    this.#lossWeight = lossWeight;
  }

  /** @returns float32 [N], or a scalar */
  protected abstract boxLoss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | null,
    reduction: LossReduction,
  ): Tensor;

  /**
   * @param pred float32 [N, 4], xyxy, px @param target float32 [N, 4], xyxy, px
   * @param options weight per box [N] or per coordinate [N, 4]
   */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { weight = null, avgFactor = null, reductionOverride } = options;
    const reduction = reductionOverride ?? this.#reduction;
    const reduced = lossReduction(reduction, this.#lossWeight, avgFactor, pred.shape[0]);
    return this.boxLoss(pred, target, weight, reduced);
  }
}

/** -log(IoU), 1 - IoU (`linear`) or 1 - IoU^2 (`square`). */
export class IoULoss extends BoxLoss {
  static readonly args: ArgSpec = {
    optional: ['linear', 'eps', 'reduction', 'loss_weight', 'mode'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #eps: number;
  readonly #mode: IouMode;

  constructor(args: IoULossArgs = {}) {
    super(args);
    const { mode = 'log' } = args;
    if (mode !== 'log' && mode !== 'linear' && mode !== 'square')
      throw new ConfigError(`mode must be 'linear', 'square' or 'log', but got '${mode}'`, {
        code: 'bad-value',
      });
    this.#mode = args.linear ? 'linear' : mode;
    this.#eps = args.eps ?? 1e-6;
  }

  protected override boxLoss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | null,
    reduction: LossReduction,
  ): Tensor {
    return iouLoss(pred, target, weight, this.#mode, this.#eps, reduction);
  }
}

/** 1 - GIoU. Source: Rezatofighi et al., "Generalized Intersection over Union", 2019. */
export class GIoULoss extends BoxLoss {
  static readonly args: ArgSpec = {
    optional: ['eps', 'reduction', 'loss_weight'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #eps: number;

  constructor(args: GIoULossArgs = {}) {
    super(args);
    this.#eps = args.eps ?? 1e-6;
  }

  protected override boxLoss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | null,
    reduction: LossReduction,
  ): Tensor {
    return giouLoss(pred, target, weight, this.#eps, reduction);
  }
}

MODELS.registerModule()(IoULoss);
MODELS.registerModule()(GIoULoss);
