import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

/** `inv(gamma, power)`: base * (1 + gamma * progress)^-power. Source: mmcv 1.7.2 `InvLrUpdaterHook`. */
export function invPolicy(args: ScheduleArgs): Policy {
  const gamma = args.number('gamma');
  const power = args.number('power');
  return fromCurve((base, { progress }) => base * (1 + gamma * progress) ** -power);
}
