import { ConfigError } from '../../errors/trainerError.ts';
import { atLeast, declareArgs, int, optional, required } from '../../registry/args/index.ts';

/** What the profiler does with a step. */
export type ProfilerAction = 'none' | 'record' | 'recordAndSave';

/** The keys of a ProfilerHook's `schedule`. */
export const SCHEDULE_ARGS = declareArgs({
  wait: required(atLeast(int, 0), 'Idle ones at the beginning of each round.', 'iterations'),
  warmup: required(atLeast(int, 0), 'Then those that count for nothing.', 'iterations'),
  active: required(atLeast(int, 1), 'Then those that are recorded.', 'iterations'),
  repeat: optional(atLeast(int, 0), 0, 'How often; 0: without end.', 'rounds'),
  skip_first: optional(atLeast(int, 0), 0, 'Left out before the first round.', 'iterations'),
});

/**
 * The `schedule` of a ProfilerHook: skip_first steps are left out, then rounds of `wait` idle steps, `warmup` steps
 * that count for nothing, and `active` recorded ones; `repeat` rounds, 0 for no end.
 * @returns what to do with each step, counted from 0
 * @throws ConfigError `bad-value`
 * Source: torch 1.13 `profiler.schedule`.
 * @example profilerSchedule({ wait: 1, warmup: 1, active: 2 })(3) // 'recordAndSave'
 */
export function profilerSchedule(cfg: Readonly<Record<string, unknown>>): (step: number) => ProfilerAction {
  const [fault] = SCHEDULE_ARGS.faults(cfg);
  if (fault)
    throw new ConfigError(`schedule${fault.below} ${fault.says}`, {
      code: fault.code,
      path: 'custom_hooks',
      hint: fault.hint ?? 'write schedule=dict(wait=1, warmup=1, active=2)',
    });
  const read = (key: string): number => Number(cfg[key] ?? 0);
  const [wait, warmup, active] = [read('wait'), read('warmup'), read('active')];
  const [repeat, skipFirst] = [read('repeat'), read('skip_first')];
  const round = wait + warmup + active;
  return (step) => {
    const at = step - skipFirst;
    if (at < 0 || (repeat > 0 && at >= repeat * round)) return 'none';
    const inRound = at % round;
    if (inRound < wait + warmup) return 'none';
    return inRound === round - 1 ? 'recordAndSave' : 'record';
  };
}
