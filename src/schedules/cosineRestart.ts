import { ConfigError } from '../errors/trainerError.ts';
import { annealingCos } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { readTarget } from './target.ts';
import { at } from '../util/at.ts';

/**
 * `CosineRestart(periods, restart_weights, min_lr | min_lr_ratio)`: a cosine in each period, whose start is
 * scaled by the period's weight.
 * @throws ConfigError `beyond-periods` when asked for a place behind the last period
 * Source: mmcv 1.7.2 `CosineRestartLrUpdaterHook`.
 */
export function cosineRestartPolicy(args: ScheduleArgs): Policy {
  const target = readTarget(args);
  const periods = readNumbers(args, 'periods');
  const weights = args.raw('restart_weights') === undefined ? [1] : readNumbers(args, 'restart_weights');
  if (periods.length !== weights.length) {
    throw args.badValue('restart_weights', `must have as many entries as periods (${periods.length})`);
  }
  return fromCurve((base, { progress }) => {
    let start = 0;
    for (let i = 0; i < periods.length; i++) {
      if (progress < start + at(periods, i)) {
        const factor = Math.min((progress - start) / at(periods, i), 1);
        return annealingCos(base, target(base), factor, weights[i]);
      }
      start += at(periods, i);
    }
    throw new ConfigError(
      `${args.className}: the periods must cover the whole run, but they end at ${start} and the run is at ${progress}`,
      { code: 'beyond-periods', path: `${args.kind.path}.periods`, hint: 'make the last period longer' },
    );
  });
}

function readNumbers(args: ScheduleArgs, key: string): readonly number[] {
  const value = args.raw(key);
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
  throw args.badType(key, 'must be a list of numbers');
}
