import type { Problem } from '../../contracts/problem.ts';
import { ConfigError } from '../../errors/trainerError.ts';
import { isDict } from '../../lang/plain.ts';
import { createLrSchedule } from '../../schedules/lrSchedule.ts';
import { createMomentumSchedule } from '../../schedules/momentumSchedule.ts';
import type { ScheduleRun } from '../../schedules/schedule.ts';
import { nearest } from '../../util/nearest.ts';
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
    if (!isDict(cfg)) return [];
    if (typeof cfg.policy !== 'string') return policySlip(cfg, key);
    try {
      create(cfg, SOME_RUN);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { code, message, hint, path = key } = error;
      if (code !== 'unknown-argument' && code !== 'missing-argument') return [];
      const isPolicy = nearest(path.slice(key.length + 1), ['policy']) !== undefined;
      const asked = isPolicy ? "did you mean 'policy'?" : hint;
      return [{ severity: 'error', code, message, path, at: 'key', hint: asked }];
    }
  });
}

/** A dict without a policy may have it under a misspelt key. */
function policySlip(cfg: ConfigInput, key: string): Problem[] {
  const slip = nearest('policy', Object.keys(cfg));
  if (cfg.policy !== undefined || slip === undefined) return [];
  const message = `${key} must have a policy, but has ${slip}`;
  const hint = "did you mean 'policy'?";
  return [{ severity: 'error', code: 'missing-argument', message, path: `${key}.${slip}`, at: 'key', hint }];
}
