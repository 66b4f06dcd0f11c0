// Absolute differences, plain or rounded near zero. Source: mmdet 2.28.2 `models/losses/smooth_l1_loss.py`.

import {
  abs,
  div,
  l1Loss,
  less,
  mul,
  smoothL1Loss,
  square,
  sub,
  where,
  type Tensor,
} from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import {
  checkReduction,
  countOf,
  reduceLoss,
  rowWeight,
  type Loss,
  type LossOptions,
  type Reduction,
} from './reduction.ts';

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

  /** @param pred float32 [N, C] @param target float32 [N, C] */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { avgFactor = null, reductionOverride } = options;
    const weight = options.weight ? rowWeight(options.weight, pred) : null;
    return reduceLoss(
      {
        count: countOf(pred),
        elementwise: () => weighted(abs(sub(pred, target)), weight),
        total: () => l1Loss(pred, target, weight),
      },
      reductionOverride ?? this.#reduction,
      this.#lossWeight,
      avgFactor,
    );
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

  /** @param pred float32 [N, C] @param target float32 [N, C] */
  forward(pred: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
    const { avgFactor = null, reductionOverride } = options;
    const weight = options.weight ? rowWeight(options.weight, pred) : null;
    const beta = this.#beta;
    return reduceLoss(
      {
        count: countOf(pred),
        elementwise: () => {
          const d = abs(sub(pred, target));
          const loss = where(less(d, beta), div(mul(square(d), 0.5), beta), sub(d, 0.5 * beta));
          return weighted(loss, weight);
        },
        total: () => smoothL1Loss(pred, target, weight, beta),
      },
      reductionOverride ?? this.#reduction,
      this.#lossWeight,
      avgFactor,
    );
  }
}

function weighted(loss: Tensor, weight: Tensor | null): Tensor {
  return weight ? mul(loss, weight) : loss;
}

MODELS.registerModule()(L1Loss);
MODELS.registerModule()(SmoothL1Loss);
