// Losses on the overlap of predicted and true boxes. Source: mmdet 2.28.2 `models/losses/iou_loss.py`.

import { giouLoss, iouLoss, type IouMode, type LossReduction, type Tensor } from '../../gpu/index.ts';
import {
  declareArgs,
  flag,
  MODELS,
  number,
  oneOf,
  optional,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import { LOSS_ARGS, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

const GIOU_ARGS = declareArgs({
  ...LOSS_ARGS.table,
  eps: optional(number, 1e-6, 'The least overlap or area that is divided by.'),
});

const IOU_ARGS = declareArgs({
  ...GIOU_ARGS.table,
  linear: optional(flag, false, "The same as mode 'linear'; deprecated in MMDetection."),
  mode: optional(oneOf('log', 'linear', 'square'), 'log', 'What is made of the overlap.'),
});

/** A loss per box, weighted and reduced. */
abstract class BoxLoss implements Loss {
  static readonly part = 'loss';
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ reduction, lossWeight }: Complete<typeof LOSS_ARGS>) {
    this.#reduction = reduction;
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
  static readonly args = IOU_ARGS;
  readonly #eps: number;
  readonly #mode: IouMode;

  constructor(args: ArgsOf<typeof IOU_ARGS> = {}) {
    const complete = withDefaults(IOU_ARGS, args);
    super(complete);
    this.#mode = complete.linear ? 'linear' : complete.mode;
    this.#eps = complete.eps;
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
  static readonly args = GIOU_ARGS;
  readonly #eps: number;

  constructor(args: ArgsOf<typeof GIOU_ARGS> = {}) {
    const complete = withDefaults(GIOU_ARGS, args);
    super(complete);
    this.#eps = complete.eps;
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
