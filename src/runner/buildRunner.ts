import { RegistryError, type ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { copySources, sourceOf } from '../lang/sourceMap.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';
import type { DictOf } from '../registry/args/types.ts';
import type { Registry } from '../registry/registry.ts';
import type { BaseRunner } from './baseRunner.ts';
import { RUNNER_ARGS } from './runnerArgs.ts';
import type { RunnerOptions } from './runnerTypes.ts';

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
  const builder = cfg.constructor;
  if (Object.hasOwn(cfg, 'constructor') && (builder as unknown) !== 'DefaultRunnerConstructor') {
    throw new RegistryError(`${plainRepr(builder)} is not in the runner builder registry`, {
      code: 'unknown-type',
      path: 'runner.constructor',
      span: span('constructor')?.span,
      hint: "leave it out, or write 'DefaultRunnerConstructor'",
    });
  }
  const { type: _, constructor: _builder, ...args } = cfg;
  copySources(cfg, args);
  const wrong = RUNNER_ARGS.faults(args)[0];
  if (wrong) {
    const { below, at, says, code, hint } = wrong;
    const place = spanOfPath(args, below.slice(1), at);
    throw new RegistryError(`runner${below} ${says}`, { code, path: `runner${below}`, span: place, hint });
  }
  // Just checked.
  const { max_epochs, max_iters } = args as DictOf<typeof RUNNER_ARGS.table>;
  return new Runner({ ...options, maxEpochs: max_epochs ?? undefined, maxIters: max_iters ?? undefined });
}

type RunnerClass = new (options: RunnerOptions) => BaseRunner;

/** A class itself is as good as its name, as in MMCV. */
function readClass(type: unknown, registry: Registry<unknown>, span: ConfigError['span']): RunnerClass {
  if (typeof type === 'function') return type as RunnerClass;
  if (typeof type === 'string') {
    const found = registry.get(type);
    if (found) return found as unknown as RunnerClass;
    const { message, hint } = registry.missing(type);
    throw new RegistryError(message, { code: 'unknown-type', path: 'runner.type', span, hint });
  }
  throw new RegistryError(`runner.type must be a string, but got ${plainRepr(type)}`, {
    code: 'bad-type',
    path: 'runner.type',
    span,
  });
}
