import { fromCurve, type Policy } from './policy.ts';

/** `fixed`: the base value throughout. Source: mmcv 1.7.2 `FixedLrUpdaterHook`. */
export function fixedPolicy(): Policy {
  return fromCurve((base) => base);
}
