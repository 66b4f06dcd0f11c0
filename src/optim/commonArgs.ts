// Arguments that PyTorch's optimizers share.

import type { Parameter } from '../nn/index.ts';
import {
  absent,
  atLeast,
  below,
  flag,
  kindOf,
  number,
  optional,
  orNone,
  pairOf,
  required,
  type Arg,
} from '../registry/args/index.ts';
import type { GroupInput } from './paramGroup.ts';

/** Given by whoever builds the optimizer; what isn't a list is refused by `Optimizer`, which knows the model's. */
export const params = required(
  kindOf<readonly Parameter[] | readonly GroupInput[]>('parameters', 'a list of parameters', () => true),
  'Parameters or groups of them; filled in from the model.',
);

export function lr(fallback: number): Arg<number, false> {
  return optional(atLeast(number, 0), fallback, 'Learning rate.');
}

export const eps = (fallback: number): Arg<number, false> =>
  optional(atLeast(number, 0), fallback, 'Added to the denominator.');

/** L2 penalty. */
export const weightDecay = optional(atLeast(number, 0), 0, 'L2 penalty, added to the gradient.');

/** p *= 1 - lr weight_decay. */
export const shrinkingDecay = (fallback: number): Arg<number, false> =>
  optional(atLeast(number, 0), fallback, 'Share of lr by which each step shrinks the parameters.');

export const betas = optional(
  pairOf(below(number, 0, 1)),
  [0.9, 0.999],
  'Decay rates of the running averages of the gradient and of its square (Adamax: of its maximum).',
);

export const decoupledWeightDecay = optional(
  flag,
  false,
  'Shrink the parameters as AdamW does instead of adding to the gradient.',
);

export const maximize = optional(flag, false, 'Climb instead of descend.');

const KEPT = 'How PyTorch computes, not what: kept in the groups, without effect here.';
export const foreach = optional(orNone(flag), null, KEPT);
export const capturable = optional(flag, false, KEPT);
export const differentiable = optional(flag, false, KEPT);
/** Those that torch 1.13's groups don't have. */
export const maybeMaximize = absent(flag, 'Climb instead of descend.');
export const maybeCapturable = absent(flag, KEPT);
export const maybeDifferentiable = absent(flag, KEPT);
export const maybeFused = absent(orNone(flag), KEPT);
