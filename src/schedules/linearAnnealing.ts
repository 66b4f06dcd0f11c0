import { annealingLinear } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { readTarget } from './target.ts';

/**
 * `LinearAnnealing(min_lr | min_lr_ratio)`: a line from base to the target over the run.
 * Source: mmcv 1.7.2 `LinearAnnealingLrUpdaterHook`.
 */
export function linearAnnealingPolicy(args: ScheduleArgs): Policy {
  const target = readTarget(args);
  return fromCurve((base, { progress, maxProgress }) =>
    annealingLinear(base, target(base), progress / maxProgress),
  );
}
