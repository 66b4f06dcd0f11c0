import { ConfigError } from '../errors/trainerError.ts';
import type { DataLoader } from '../datasets/dataLoader.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { snakeToCamel } from '../registry/argSpec.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import { EVAL_HOOK_KEYS, EvalHook } from '../runner/hooks/evaluation.ts';
import type { Hook } from '../runner/hooks/hook.ts';
import { LrUpdaterHook } from '../runner/hooks/lrUpdater.ts';
import { ProgressHook } from '../runner/hooks/progress.ts';
import type { FileSystem } from '../util/fileSystem.ts';
import type { DecodeImage } from '../util/image.ts';
import { DetectorEvaluator, type TestableModel } from './evaluator.ts';

export interface ValidationParts {
  readonly dataset: Dataset;
  readonly loader: DataLoader;
  readonly model: TestableModel;
  readonly fs: FileSystem;
  readonly decodeImage: DecodeImage;
}

/**
 * Register every hook of a config, in MMCV's order and with its priorities; then MMDetection's evaluation.
 * Source: mmcv 1.7.2 `base_runner.py` register_training_hooks; mmdet 2.28.2 `apis/train.py`.
 */
export function registerRunHooks(
  runner: BaseRunner,
  dict: Readonly<Record<string, unknown>>,
  context: BuildContext,
  validation: ValidationParts | null,
): void {
  const hook = (cfg: unknown, path: string, type: string): Hook =>
    context.build<Hook>('HOOKS', cfg, path, { type });
  if (isDict(dict.lr_config)) runner.registerHook(new LrUpdaterHook(dict.lr_config), 'VERY_HIGH');
  if (isDict(dict.momentum_config)) {
    throw new ConfigError('momentum_config is not supported yet', {
      code: 'unsupported',
      path: 'momentum_config',
      hint: 'set it to None; SGD momentum and Adam betas are then constant',
    });
  }
  if (dict.optimizer_config !== null) {
    runner.registerHook(
      hook(dict.optimizer_config ?? {}, 'optimizer_config', 'OptimizerHook'),
      'ABOVE_NORMAL',
    );
  }
  if (isDict(dict.checkpoint_config)) {
    runner.registerHook(hook(dict.checkpoint_config, 'checkpoint_config', 'CheckpointHook'), 'NORMAL');
  }
  runner.registerHook(hook({}, 'timer', 'IterTimerHook'), 'LOW');
  for (const logger of buildLoggers(dict.log_config, context)) runner.registerHook(logger, 'VERY_LOW');
  for (const [i, cfg] of listOf(dict.custom_hooks).entries()) {
    const path = `custom_hooks[${i}]`;
    if (!isDict(cfg))
      throw new ConfigError(`${path} must be a dict, but got ${typeof cfg}`, { code: 'not-a-dict', path });
    const { priority = 'NORMAL', ...rest } = cfg;
    runner.registerHook(context.build<Hook>('HOOKS', rest, path), priority);
  }
  if (validation) runner.registerHook(buildEvalHook(runner, dict.evaluation, validation), 'LOW');
  // Tells the page where the run is; after everything else.
  runner.registerHook(new ProgressHook(), 'LOWEST');
}

function buildLoggers(cfg: unknown, context: BuildContext): Hook[] {
  if (!isDict(cfg)) return [];
  if (cfg.interval === undefined) {
    throw new ConfigError('log_config must have an interval, but has none', {
      code: 'missing-argument',
      path: 'log_config.interval',
      hint: "log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])",
    });
  }
  return listOf(cfg.hooks).map((hook, i) =>
    context.build<Hook>('HOOKS', hook, `log_config.hooks[${i}]`, { interval: cfg.interval }),
  );
}

function buildEvalHook(runner: BaseRunner, cfg: unknown, validation: ValidationParts): EvalHook {
  const evaluation = isDict(cfg) ? cfg : {};
  const args: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(evaluation)) {
    if ((EVAL_HOOK_KEYS as readonly string[]).includes(key)) args[snakeToCamel(key)] = value;
    else rest[key] = value;
  }
  const evaluator = new DetectorEvaluator({ ...validation, log: (line) => runner.logger.info(line) });
  return new EvalHook(evaluator, args, rest);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
