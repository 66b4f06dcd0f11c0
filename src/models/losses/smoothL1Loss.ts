// Absolute differences, plain or rounded near zero. Source: mmdet 2.28.2 `models/losses/smooth_l1_loss.py`.

import { l1Loss, smoothL1Loss, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import { checkReduction, lossReduction, type Loss, type LossOptions, type Reduction } from './reduction.ts';

export interface L1LossArgs {
  reduction?: string;
  lossWeight?: number;
}

export interface SmoothL1LossArgs extends L1LossArgs {
  /** Below this difference the loss is quadratic; > 0. */
  beta?: number;
}

/** |pred - target|. */
export class L1Loss implements Loss {
  static readonly args: ArgSpec = {
    optional: ['reduction', 'loss_weight'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ reduction = 'mean', lossWeight = 1 }: L1LossArgs = {}) {
    this.#reduction = checkReduction(reduction);
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

/** d^2 / (2 beta) where d = |pred - target| < beta, else d - beta / 2. */
export class SmoothL1Loss implements Loss {
  static readonly args: ArgSpec = {
    optional: ['beta', 'reduction', 'loss_weight'],
    kinds: { reduction: 'str', loss_weight: 'number' },
  };
  readonly #beta: number;
  readonly #reduction: Reduction;
  readonly #lossWeight: number;

  constructor({ beta = 1, reduction = 'mean', lossWeight = 1 }: SmoothL1LossArgs = {}) {
    if (!(beta > 0)) throw new ConfigError(`beta must be positive, but got ${beta}`, { code: 'bad-value' });
    this.#beta = beta;
    this.#reduction = checkReduction(reduction);
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
