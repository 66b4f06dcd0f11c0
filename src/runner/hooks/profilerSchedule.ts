import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';

/** What the profiler does with a step. */
export type ProfilerAction = 'none' | 'record' | 'recordAndSave';

const KEYS = ['wait', 'warmup', 'active', 'repeat', 'skip_first'];

/**
 * The `schedule` of a ProfilerHook: skip_first steps are left out, then rounds of `wait` idle steps, `warmup` steps
 * that count for nothing, and `active` recorded ones; `repeat` rounds, 0 for no end.
 * @returns what to do with each step, counted from 0
 * @throws ConfigError `bad-value`
 * Source: torch 1.13 `profiler.schedule`.
 * @example profilerSchedule({ wait: 1, warmup: 1, active: 2 })(3) // 'recordAndSave'
 */
export function profilerSchedule(cfg: Readonly<Record<string, unknown>>): (step: number) => ProfilerAction {
  const path = 'custom_hooks';
  for (const key of Object.keys(cfg)) {
    if (KEYS.includes(key)) continue;
    throw new ConfigError(`schedule got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      path,
      hint: `it takes: ${KEYS.join(', ')}`,
    });
  }
  const read = (key: string, least: number, fallback?: number): number => {
    const value = cfg[key] ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
    throw new ConfigError(
      `schedule.${key} must be a whole number of at least ${least}, but got ${plainRepr(value)}`,
      { code: 'bad-value', path, hint: 'write schedule=dict(wait=1, warmup=1, active=2)' },
    );
  };
  const wait = read('wait', 0);
  const warmup = read('warmup', 0);
  const active = read('active', 1);
  const repeat = read('repeat', 0, 0);
  const skipFirst = read('skip_first', 0, 0);
  const round = wait + warmup + active;
  return (step) => {
    const at = step - skipFirst;
    if (at < 0 || (repeat > 0 && at >= repeat * round)) return 'none';
    const inRound = at % round;
    if (inRound < wait + warmup) return 'none';
    return inRound === round - 1 ? 'recordAndSave' : 'record';
  };
}
