// What most rules begin with: the gradient, turned round to climb, plus weight decay.

import type { Element, Scalars } from './elementwiseRule.ts';
import type { ParamGroup } from './paramGroup.ts';

/** Arguments that torch 1.13's groups don't have: kept only where they are given. */
export function given(args: object, keys: readonly string[]): Record<string, unknown> {
  const values = keys.map((key): [string, unknown] => [key, Reflect.get(args, key)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** WGSL: `d` = the gradient to descend. */
export const DECAYED_GRAD = 'let d = u.sign * g + u.weightDecay * p;';

/** The same in TypeScript. */
export function decayedGrad(x: Element<never>, u: Scalars<'sign' | 'weightDecay'>): number {
  return u.sign * x.g + u.weightDecay * x.p;
}

/** The hyper-parameters that {@link DECAYED_GRAD} reads. */
export function decayHyper(group: ParamGroup): { sign: number; weightDecay: number } {
  return { sign: group.maximize ? -1 : 1, weightDecay: group.weight_decay ?? 0 };
}

/** A number among the group's options; a schedule or a checkpoint may have changed it. */
export function option(group: ParamGroup, key: string): number {
  return Number(group[key]);
}
