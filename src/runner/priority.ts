import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';

/** Hook priorities: a lower number runs first. Source: mmcv 1.7.2 `runner/priority.py`. */
export const PRIORITIES = {
  HIGHEST: 0,
  VERY_HIGH: 10,
  HIGH: 30,
  ABOVE_NORMAL: 40,
  NORMAL: 50,
  BELOW_NORMAL: 60,
  LOW: 70,
  VERY_LOW: 90,
  LOWEST: 100,
} as const;

export type PriorityName = keyof typeof PRIORITIES;

/**
 * Read a priority: a number in [0, 100] or a level's name in any case.
 * @throws ConfigError `bad-priority`
 * @example getPriority('very_high') // 10
 */
export function getPriority(priority: unknown): number {
  if (typeof priority === 'boolean') return Number(priority);
  if (typeof priority === 'number' && Number.isInteger(priority)) {
    if (priority >= 0 && priority <= 100) return priority;
    throw new ConfigError(`priority must be between 0 and 100, but got ${priority}`, {
      code: 'bad-priority',
    });
  }
  const name = typeof priority === 'string' ? priority.toUpperCase() : '';
  if (Object.hasOwn(PRIORITIES, name)) return PRIORITIES[name as PriorityName];
  throw new ConfigError(`priority must be an integer or a level's name, but got ${plainRepr(priority)}`, {
    code: 'bad-priority',
    hint: `the levels are ${Object.keys(PRIORITIES).join(', ')}`,
  });
}

/** The level's name, or the number itself when it has none; as MMCV prints it. */
export function priorityLabel(priority: number): string {
  return Object.entries(PRIORITIES).find(([, value]) => value === priority)?.[0] ?? String(priority);
}
