import { annealingCos } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { readTarget } from './target.ts';

/**
 * `CosineAnnealing(min_lr | min_lr_ratio)`: half a cosine from base to the target over the run.
 * Source: mmcv 1.7.2 `CosineAnnealingLrUpdaterHook`.
 */
export function cosineAnnealingPolicy(args: ScheduleArgs): Policy {
  const target = readTarget(args);
  return fromCurve((base, { progress, maxProgress }) =>
    annealingCos(base, target(base), progress / maxProgress),
  );
}
