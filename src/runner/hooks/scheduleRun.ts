import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { sourceOf } from '../../lang/sourceMap.ts';
import type { ScheduleOptions, ScheduleRun } from '../../schedules/schedule.ts';
import type { BaseRunner } from '../baseRunner.ts';

/** What a schedule must know of a runner that has just started. @throws ConfigError when its length isn't known */
export function scheduleRunOf(runner: BaseRunner, path: 'lr_config' | 'momentum_config'): ScheduleRun {
  const { maxIters, maxEpochs, itersPerEpoch } = runner;
  if (maxIters === undefined)
    throw new ConfigError(`${path} needs a run of known length`, { code: 'bad-runner', path });
  const runnerType = maxEpochs === undefined ? 'iter' : 'epoch';
  return { maxEpochs, maxIters, itersPerEpoch, runnerType };
}

/** What the text of a `lr_config` or `momentum_config` tells beyond its values. */
export function scheduleSources(config: Readonly<Record<string, unknown>>): ScheduleOptions {
  return {
    isFloat: (key) => sourceOf(config, key)?.isFloat ?? false,
    spanOf: (key) => sourceOf(config, key)?.span,
    reprOf: (value) => plainRepr(value),
  };
}

/** Arguments that came through the registry, under their config names again. */
export function toConfig(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const snake = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [snake(key), value]));
}
