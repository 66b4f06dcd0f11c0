import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

/** `exp(gamma)`: base * gamma^progress. Source: mmcv 1.7.2 `ExpLrUpdaterHook`. */
export function expPolicy(args: ScheduleArgs): Policy {
  const gamma = args.number('gamma');
  return fromCurve((base, { progress }) => base * gamma ** progress);
}
