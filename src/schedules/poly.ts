import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

/**
 * `poly(power, min_lr)`: (base - min) * (1 - progress/max)^power + min; base first, min after the end.
 * Source: mmcv 1.7.2 `PolyLrUpdaterHook`.
 */
export function polyPolicy(args: ScheduleArgs): Policy {
  const power = args.number('power');
  const min = args.number('min_lr');
  return fromCurve(
    (base, { progress, maxProgress }) => (base - min) * (1 - progress / maxProgress) ** power + min,
  );
}
