// How a loss of many elements becomes one number. Source: mmdet 2.28.2 `models/losses/utils.py`.

import { add, div, mean, mul, reshape, sum, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';

export type Reduction = 'none' | 'mean' | 'sum';

export interface LossOptions {
  /** float32 per element, or per row of `pred`; null: all 1. */
  readonly weight?: Tensor | null;
  /**
   * Divide the sum by this instead of the number of elements (only with `mean`): a number, or a float32 scalar that a
   * recorded step takes anew each time.
   */
  readonly avgFactor?: number | Tensor | null;
  /** Instead of the loss's own reduction. */
  readonly reductionOverride?: Reduction | null;
}

/** A registered loss: how far predictions are from targets. Borrows its tensors, returns a new one. */
export interface Loss {
  /** A scalar, or one value per element with reduction `none`. */
  forward(pred: Tensor, target: Tensor, options?: LossOptions): Tensor;
}

// MMDetection adds float32's epsilon to avg_factor.
const EPS = 2 ** -23;

/** @throws ConfigError for an unknown name */
export function checkReduction(value: string): Reduction {
  if (value === 'none' || value === 'mean' || value === 'sum') return value;
  throw new ConfigError(`reduction must be 'none', 'mean' or 'sum', but got '${value}'`, {
    code: 'bad-value',
  });
}

/** A loss's pieces, of which the reduction needs one. */
export interface LossParts {
  /** Number of elements that `mean` divides by. */
  readonly count: number;
  /** Weighted loss of every element. */
  readonly elementwise: () => Tensor;
  /** Sum of the weighted loss, if it can be had in one pass. */
  readonly total?: () => Tensor;
}

/**
 * Reduce and scale. With `avgFactor`: loss_weight * sum / (avg_factor + eps).
 * @throws ConfigError for `sum` together with avgFactor
 */
export function reduceLoss(
  parts: LossParts,
  reduction: Reduction,
  lossWeight: number,
  avgFactor: number | Tensor | null,
): Tensor {
  if (reduction === 'none') return scale(parts.elementwise(), lossWeight);
  if (reduction === 'sum' && avgFactor !== null)
    throw new ConfigError('avg_factor can not be used with reduction="sum"', { code: 'bad-value' });
  const total = parts.total ? parts.total() : sum(parts.elementwise());
  if (reduction === 'sum') return scale(total, lossWeight);
  if (avgFactor === null) return scale(div(total, parts.count), lossWeight);
  const divisor = typeof avgFactor === 'number' ? Math.fround(avgFactor + EPS) : add(avgFactor, EPS);
  return scale(div(total, divisor), lossWeight);
}

/** Make a weight per row [N] fit elements [N, C]. */
export function rowWeight(weight: Tensor, elements: Tensor): Tensor {
  return weight.shape.length === elements.shape.length ? weight : reshape(weight, [weight.shape[0], 1]);
}

/** A weight per box [N]; a weight per coordinate [N, 4] is averaged. */
export function boxWeight(weight: Tensor): Tensor {
  return weight.shape.length > 1 ? mean(weight, [1]) : weight;
}

/** The number of elements of a tensor. */
export function countOf(x: Tensor): number {
  return x.shape.reduce((a, b) => a * b, 1);
}

function scale(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : mul(x, factor);
}
