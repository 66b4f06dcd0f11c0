import { roundHalfEven } from '../util/roundHalfEven.ts';
import { annealingCos } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { readTarget } from './target.ts';

/**
 * `FlatCosineAnnealing(start_percent, min_lr | min_lr_ratio)`: base until round(max * start_percent), then half
 * a cosine to the target.
 * Source: mmcv 1.7.2 `FlatCosineAnnealingLrUpdaterHook`.
 */
export function flatCosineAnnealingPolicy(args: ScheduleArgs): Policy {
  const startPercent = args.float('start_percent');
  if (!(startPercent >= 0 && startPercent <= 1)) {
    throw args.badValue('start_percent', 'must be a float between 0 and 1');
  }
  const target = readTarget(args);
  return fromCurve((base, { progress, maxProgress }) => {
    const start = roundHalfEven(maxProgress * startPercent);
    if (progress < start) return base;
    return annealingCos(base, target(base), (progress - start) / (maxProgress - start));
  });
}
