import { ConfigError, RegistryError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import type { Registry } from '../registry/registry.ts';
import { nearest } from '../util/nearest.ts';
import type { BaseRunner } from './baseRunner.ts';
import type { RunnerOptions } from './runnerTypes.ts';

const RUNNER_KEYS = ['type', 'max_epochs', 'max_iters', 'constructor'];

/**
 * Build the runner that `runner = dict(type='EpochBasedRunner', max_epochs=12)` describes.
 * @param cfg borrowed
 * @param options what the config can't say: model, optimizer, files, log
 * @throws RegistryError `missing-type`, `bad-type`, `unknown-type` or `unknown-argument`; ConfigError `bad-value` or `bad-runner`
 * Source: mmcv 1.7.2 `runner/builder.py`.
 */
export function buildRunner(
  cfg: Readonly<Record<string, unknown>>,
  registry: Registry<unknown>,
  options: Omit<RunnerOptions, 'maxEpochs' | 'maxIters'>,
): BaseRunner {
  const span = (key: string | null): ReturnType<typeof sourceOf> => sourceOf(cfg, key);
  if (cfg.type === undefined) {
    throw new RegistryError(
      `runner must contain the key "type", but it has only ${Object.keys(cfg).join(', ')}`,
      {
        code: 'missing-type',
        path: 'runner',
        span: span(null)?.span,
        hint: "write runner = dict(type='EpochBasedRunner', max_epochs=12)",
      },
    );
  }
  const Runner = readClass(cfg.type, registry, span('type')?.span);
  for (const key of Object.keys(cfg)) {
    if (RUNNER_KEYS.includes(key)) continue;
    const near = nearest(key, RUNNER_KEYS);
    throw new RegistryError(`${Runner.name} got an unexpected argument '${key}'`, {
      code: 'unknown-argument',
      path: `runner.${key}`,
      span: span(key)?.span,
      hint: near ? `did you mean '${near}'?` : `it takes: ${RUNNER_KEYS.join(', ')}`,
    });
  }
  const builder = cfg.constructor;
  if (Object.hasOwn(cfg, 'constructor') && (builder as unknown) !== 'DefaultRunnerConstructor') {
    throw new RegistryError(`${plainRepr(builder)} is not in the runner builder registry`, {
      code: 'unknown-type',
      path: 'runner.constructor',
      span: span('constructor')?.span,
      hint: "leave it out, or write 'DefaultRunnerConstructor'",
    });
  }
  const maxEpochs = readLength(cfg, 'max_epochs');
  const maxIters = readLength(cfg, 'max_iters');
  return new Runner({ ...options, maxEpochs, maxIters });
}

type RunnerClass = new (options: RunnerOptions) => BaseRunner;

/** A class itself is as good as its name, as in MMCV. */
function readClass(type: unknown, registry: Registry<unknown>, span: ConfigError['span']): RunnerClass {
  if (typeof type === 'function') return type as RunnerClass;
  if (typeof type === 'string') return registry.getOrThrow(type) as unknown as RunnerClass;
  throw new RegistryError(`runner.type must be a string, but got ${plainRepr(type)}`, {
    code: 'bad-type',
    path: 'runner.type',
    span,
  });
}

function readLength(
  cfg: Readonly<Record<string, unknown>>,
  key: 'max_epochs' | 'max_iters',
): number | undefined {
  const value = cfg[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`runner.${key} must be a positive integer, but got ${plainRepr(value)}`, {
    code: 'bad-value',
    path: `runner.${key}`,
    span: sourceOf(cfg, key)?.span,
    hint:
      key === 'max_epochs'
        ? "write runner = dict(type='EpochBasedRunner', max_epochs=12)"
        : "write runner = dict(type='IterBasedRunner', max_iters=90000)",
  });
}
