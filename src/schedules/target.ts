import { ConfigError } from '../errors/trainerError.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';

/**
 * Where an annealing ends: a value, or a share of the base; exactly one of the two must be given.
 * @returns base -> end value
 * @throws ConfigError `bad-value` for both or none
 */
export function readTarget(args: ScheduleArgs): (base: number) => number {
  const { minKey, minRatioKey } = args.kind;
  if (args.has(minKey) === args.has(minRatioKey)) {
    const actual = args.has(minKey) ? 'both' : 'neither';
    throw new ConfigError(
      `${args.className}: exactly one of ${minKey} and ${minRatioKey} must be given, but got ${actual}`,
      { code: 'bad-value', path: args.kind.path },
    );
  }
  if (args.has(minKey)) {
    const min = args.number(minKey);
    return () => min;
  }
  const ratio = args.number(minRatioKey);
  return (base) => base * ratio;
}
