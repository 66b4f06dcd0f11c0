/**
 * Cosine from `weight * start + (1 - weight) * end` at factor 0 to `end` at factor 1.
 * @example annealingCos(1, 0, 0.5) // 0.5
 * Source: mmcv 1.7.2 `annealing_cos`.
 */
export function annealingCos(start: number, end: number, factor: number, weight = 1): number {
  return end + 0.5 * weight * (start - end) * (Math.cos(Math.PI * factor) + 1);
}

/** Straight line from `start` at factor 0 to `end` at factor 1. Source: mmcv 1.7.2 `annealing_linear`. */
export function annealingLinear(start: number, end: number, factor: number): number {
  return start + (end - start) * factor;
}

export type Anneal = typeof annealingLinear;
export const ANNEAL_STRATEGIES = ['cos', 'linear'] as const;

/** The function of an `anneal_strategy`. */
export function annealFunction(strategy: (typeof ANNEAL_STRATEGIES)[number]): Anneal {
  return strategy === 'cos' ? annealingCos : annealingLinear;
}
