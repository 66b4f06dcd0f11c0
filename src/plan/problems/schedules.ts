import type { Problem } from '../../contracts/problem.ts';
import { ConfigError } from '../../errors/trainerError.ts';
import { isDict } from '../../lang/plain.ts';
import { createLrSchedule } from '../../schedules/lrSchedule.ts';
import { createMomentumSchedule } from '../../schedules/momentumSchedule.ts';
import type { ScheduleRun } from '../../schedules/schedule.ts';
import type { ConfigInput } from './keys.ts';

/** Which arguments a policy takes doesn't depend on the run's length. */
const SOME_RUN: ScheduleRun = { maxEpochs: 12, maxIters: 1200, itersPerEpoch: 100, runnerType: 'epoch' };

/** Arguments that the policy of `lr_config` or `momentum_config` doesn't take, or lacks. Policies of one's own check theirs. */
export function scheduleArguments(dict: ConfigInput): Problem[] {
  const kinds = [
    ['lr_config', createLrSchedule],
    ['momentum_config', createMomentumSchedule],
  ] as const;
  return kinds.flatMap(([key, create]): Problem[] => {
    const cfg = dict[key];
    if (!isDict(cfg) || typeof cfg.policy !== 'string') return [];
    try {
      create(cfg, SOME_RUN);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { code, message, hint, path = key } = error;
      if (code !== 'unknown-argument' && code !== 'missing-argument') return [];
      return [{ severity: 'error', code, message, path, at: 'key', hint }];
    }
  });
}
