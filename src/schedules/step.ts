import { atLeast, either, int, listOf, number, optional, required, worded } from '../registry/args/index.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

/**
 * base * gamma^k, not below `min`; k counts whole steps, or the milestones passed.
 * @param step an interval, or milestones (the first one still ahead decides, so they should ascend)
 * @example stepValue(0.1, 8, { step: [8, 11], gamma: 0.1 }) // 0.01
 * Source: mmcv 1.7.2 `StepLrUpdaterHook`.
 */
export function stepValue(
  base: number,
  progress: number,
  { step, gamma, min }: { step: number | readonly number[]; gamma: number; min?: number },
): number {
  let k: number;
  if (typeof step === 'number') k = Math.floor(progress / step);
  else {
    const ahead = step.findIndex((milestone) => progress < milestone);
    k = ahead === -1 ? step.length : ahead;
  }
  const value = base * gamma ** k;
  return min === undefined ? value : Math.max(value, min);
}

/** @param gamma the default */
export const stepTable = (gamma: number) =>
  ({
    step: required(
      worded(
        either(atLeast(int, 1), listOf(atLeast(int, 1))),
        'a whole number of at least 1 or a list of them',
      ),
      'How often the value falls, or when it does.',
      'epochs or iterations',
    ),
    gamma: optional(number, gamma, 'Factor of each step.'),
  }) as const;

/** `step(step, gamma, min_lr | min_momentum)`. */
export function stepPolicy(args: ScheduleArgs): Policy {
  const step = readStep(args);
  const gamma = args.number('gamma');
  const { minKey } = args.kind;
  const min = args.has(minKey) ? args.number(minKey) : undefined;
  return fromCurve((base, { progress }) => stepValue(base, progress, { step, gamma, min }));
}

function readStep(args: ScheduleArgs): number | readonly number[] {
  const value = args.raw('step');
  if (typeof value === 'number') {
    if (args.isKnownFloat('step')) throw args.badType('step', 'must be a list or an int');
    if (value > 0) return value;
    throw args.badValue('step', 'must be positive');
  }
  // MMCV refuses a tuple here, though it takes lists.
  if (!Array.isArray(value) || value.constructor !== Array) {
    throw args.badType('step', 'must be a list or an int');
  }
  const items: readonly unknown[] = value;
  const isStep = (item: unknown, i: number): item is number => args.isIntItem(items, i) && Number(item) > 0;
  if (!items.every(isStep)) throw args.badValue('step', 'must hold positive ints only');
  return items;
}
