// How a loss of many elements becomes one number. Source: mmdet 2.28.2 `models/losses/utils.py`.

import type { LossReduction, Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { declareArgs, number, oneOf, optional } from '../../registry/index.ts';

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

/**
 * A registered loss: how far predictions are from targets. Borrows its tensors, returns a new one.
 * @typeParam T what it takes as targets
 */
export interface Loss<T = Tensor> {
  /** A scalar, or one value per element with reduction `none`. */
  forward(pred: Tensor, target: T, options?: LossOptions): Tensor;
}

// MMDetection adds float32's epsilon to avg_factor.
const EPS = 2 ** -23;

/** The arguments of every loss. */
export const LOSS_ARGS = declareArgs({
  reduction: optional(oneOf('none', 'mean', 'sum'), 'mean', 'How the losses of all elements become one.'),
  loss_weight: optional(number, 1, 'Factor of the loss.'),
});

/**
 * How the engine's losses reduce and scale. With `avgFactor`: loss_weight * (sum / (avg_factor + eps)).
 * @param count number of values that `mean` divides by
 * @throws ConfigError for `sum` together with avgFactor
 */
export function lossReduction(
  reduction: Reduction,
  lossWeight: number,
  avgFactor: number | Tensor | null,
  count: number,
): LossReduction {
  if (reduction === 'none') return { isElementwise: true, factor: lossWeight };
  if (reduction === 'sum' && avgFactor !== null)
    throw new ConfigError('avg_factor can not be used with reduction="sum"', { code: 'bad-value' });
  if (reduction === 'sum') return { factor: lossWeight };
  if (avgFactor === null) return { factor: lossWeight, divisor: count };
  return { factor: lossWeight, divisor: avgFactor, epsilon: EPS };
}
