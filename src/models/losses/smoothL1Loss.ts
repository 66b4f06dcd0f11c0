// Absolute differences, plain or rounded near zero. Source: mmdet 2.28.2 `models/losses/smooth_l1_loss.py`.

import { l1Loss, smoothL1Loss, type Tensor } from '../../gpu/index.ts';
import {
  above,
  declareArgs,
  MODELS,
  number,
  optional,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { LOSS_ARGS, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

/** |pred - target|. */
export class L1Loss implements Loss {
  static readonly args = LOSS_ARGS;
  static readonly part = 'loss';
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor(args: ArgsOf<typeof LOSS_ARGS> = {}) {
    const { reduction, lossWeight } = withDefaults(LOSS_ARGS, args);
    this.#reduction = reduction;
    this.#lossWeight = lossWeight;
  }

  /** @param pred float32 [N, C] @param target float32 [N, C] @param options weight per row [N] or element [N, C] */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { weight = null, avgFactor = null, reductionOverride } = options;
    const reduction = reductionOverride ?? this.#reduction;
    const reduced = lossReduction(reduction, this.#lossWeight, avgFactor, pred.size);
    return l1Loss(pred, target, weight, reduced);
  }
}

const SMOOTH_L1_ARGS = declareArgs({
  ...LOSS_ARGS.table,
  beta: optional(above(number, 0), 1, 'Below this difference the loss is quadratic.'),
});

/** d^2 / (2 beta) where d = |pred - target| < beta, else d - beta / 2. */
export class SmoothL1Loss implements Loss {
  static readonly args = SMOOTH_L1_ARGS;
  static readonly part = 'loss';
  readonly #beta: number;
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor(args: ArgsOf<typeof SMOOTH_L1_ARGS> = {}) {
    const { beta, reduction, lossWeight } = withDefaults(SMOOTH_L1_ARGS, args);
    this.#beta = beta;
    this.#reduction = reduction;
    this.#lossWeight = lossWeight;
  }

  /** @param pred float32 [N, C] @param target float32 [N, C] @param options weight per row [N] or element [N, C] */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { weight = null, avgFactor = null, reductionOverride } = options;
    const reduction = reductionOverride ?? this.#reduction;
    const reduced = lossReduction(reduction, this.#lossWeight, avgFactor, pred.size);
    return smoothL1Loss(pred, target, weight, this.#beta, reduced);
  }
}

MODELS.registerModule()(L1Loss);
MODELS.registerModule()(SmoothL1Loss);
