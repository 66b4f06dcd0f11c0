import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { setSource, sourceOf } from '../../lang/sourceMap.ts';
import { camelToSnake } from '../../registry/argNames.ts';
import type { ScheduleOptions, ScheduleRun } from '../../schedules/schedule.ts';
import type { BaseRunner } from '../baseRunner.ts';
import type { HookState } from './hook.ts';

/** What a schedule must know of a runner that has just started. @throws ConfigError when its length isn't known */
export function scheduleRunOf(runner: BaseRunner, path: 'lr_config' | 'momentum_config'): ScheduleRun {
  const { maxIters, maxEpochs, itersPerEpoch } = runner;
  if (maxIters === undefined)
    throw new ConfigError(`${path} needs a run of known length`, { code: 'bad-runner', path });
  const runnerType = maxEpochs === undefined ? 'iter' : 'epoch';
  return { maxEpochs, maxIters, itersPerEpoch, runnerType };
}

/** What the text of a `lr_config` or `momentum_config` tells beyond its values. @param options what else is known */
export function scheduleSources(
  config: Readonly<Record<string, unknown>>,
  options: ScheduleHookOptions,
): ScheduleOptions {
  return {
    ...options,
    isFloat: (key) => sourceOf(config, key)?.isFloat ?? false,
    isFloatItem: (list, index) => sourceOf(list, index)?.isFloat ?? false,
    spanOf: (key) => sourceOf(config, key)?.span,
    reprOf: (value) => plainRepr(value),
  };
}

/** What only the builder of a hook knows. */
export type ScheduleHookOptions = Pick<ScheduleOptions, 'path' | 'ownPolicies' | 'explainMissing'>;

/** Arguments that came through the registry, under their config names again, with their places in the config's text. */
export function toConfig(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(args)) {
    config[camelToSnake(key)] = value;
    const source = sourceOf(args, key);
    if (source) setSource(config, camelToSnake(key), source);
  }
  return config;
}

/** The config of a hook whose class names its policy. */
export function policyConfig(
  args: Readonly<Record<string, unknown>>,
  policy: string,
): Readonly<Record<string, unknown>> {
  const config = toConfig(args);
  config.policy = policy;
  return config;
}

/** The same policy from the first iteration on. */
export function withoutWarmup(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isKept = (key: string): boolean => !key.startsWith('warmup');
  return Object.fromEntries(Object.entries(config).filter(([key]) => isKept(key)));
}

/**
 * Values that a class of the person's computes: with `by_epoch` once an epoch, as MMCV asks for them, also in a run that is
 * resumed inside it.
 */
export class EpochValues {
  #epoch = -1;
  #values: number[] = [];

  get(runner: BaseRunner, byEpoch: boolean, compute: () => number[]): number[] {
    if (!byEpoch) return compute();
    if (this.#epoch !== runner.epoch) {
      this.#values = compute();
      this.#epoch = runner.epoch;
    }
    return [...this.#values];
  }

  stateDict(): HookState | undefined {
    return this.#epoch < 0 ? undefined : { epoch: this.#epoch, values: [...this.#values] };
  }

  loadStateDict({ epoch, values }: HookState): void {
    this.#epoch = Number(epoch);
    this.#values = Array.isArray(values) ? values.map(Number) : [];
  }
}
