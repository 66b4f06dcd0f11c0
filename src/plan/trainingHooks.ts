import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { isDict, plainTypeName } from '../lang/plain.ts';
import { copySources } from '../lang/sourceMap.ts';
import { snakeToCamel } from '../registry/argNames.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { placeOfClass, type ClassWithArgs } from '../registry/constructorArgs.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import { EvalHook, type Evaluator } from '../runner/hooks/evaluation.ts';
import { Hook } from '../runner/hooks/hook.ts';
import { misspeltMethods } from '../runner/hooks/misspeltMethods.ts';
import { LOGGER_ARGS } from '../runner/hooks/logger/base.ts';
import { MeasureHook } from '../runner/hooks/measure.ts';
import { ProgressHook } from '../runner/hooks/progress.ts';
import { StepProfileHook } from '../runner/hooks/stepProfile.ts';
import { IterBasedRunner } from '../runner/iterBasedRunner.ts';
import type { PriorityName } from '../runner/priority.ts';
import { buildHook } from './buildHook.ts';
import type { EvaluationCfg } from './checkEvaluation.ts';
import { buildOptimizerHook } from './optimizerHook.ts';
import { buildLrHook, buildMomentumHook } from './scheduleHooks.ts';

export interface Validation {
  /** The config's `evaluation`. */
  readonly cfg: EvaluationCfg;
  readonly evaluator: Evaluator;
}

/** That of MMDetection's default_runtime.py, for a config without log_config. */
const DEFAULT_LOG_INTERVAL = 50;

/** Who runs when, unless a config says otherwise. */
type PriorityTable = Readonly<
  Record<'lr' | 'momentum' | 'optimizer' | 'checkpoint' | 'timer' | 'logger' | 'eval', PriorityName>
>;

const PRIORITY_TABLES: Readonly<Record<'mmcv' | 'tutorial', PriorityTable>> = {
  // mmcv >= 1.3.8, mmdet >= 2.16
  mmcv: {
    lr: 'VERY_HIGH',
    momentum: 'HIGH',
    optimizer: 'ABOVE_NORMAL',
    checkpoint: 'NORMAL',
    timer: 'LOW',
    logger: 'VERY_LOW',
    eval: 'LOW',
  },
  // mmcv <= 1.3.3, which the tutorial describes
  tutorial: {
    lr: 'NORMAL',
    momentum: 'NORMAL',
    optimizer: 'NORMAL',
    checkpoint: 'NORMAL',
    timer: 'NORMAL',
    logger: 'VERY_LOW',
    eval: 'NORMAL',
  },
};

/**
 * Register every hook of a config, in MMCV's order and with its priorities; then MMDetection's evaluation.
 * `hook_priorities = 'tutorial'` takes the tutorial's table instead, where ties go by order of registration and
 * MMDetection still added the custom hooks last.
 * Source: mmdet 2.28.2 `apis/train.py`.
 */
export function registerRunHooks(
  runner: BaseRunner,
  dict: Readonly<Record<string, unknown>>,
  context: BuildContext,
  validation: Validation | null,
): void {
  const isTutorial = readPriorities(dict.hook_priorities) === 'tutorial';
  const priorities = PRIORITY_TABLES[isTutorial ? 'tutorial' : 'mmcv'];
  // In front of the loggers.
  runner.registerHook(makeMeasureHook(runner, dict.log_config), priorities.logger);
  const { custom_hooks: customHooks, ...others } = dict;
  // MMDetection's base configs always have one.
  const { optimizer_config: optimizerConfig = {} } = dict;
  registerTrainingHooks(
    runner,
    { ...(isTutorial ? others : dict), optimizer_config: optimizerConfig },
    context,
  );
  if (validation) {
    const evalHook = buildEvalHook(runner, validation);
    runner.registerHook(evalHook, priorities.eval);
  }
  if (isTutorial) registerCustomHooks(runner, customHooks, context);
  // Tells the page where the run is; after everything else.
  runner.registerHook(new ProgressHook(), 'LOWEST');
  runner.registerHook(new StepProfileHook(), 'LOWEST');
}

/** At the interval of `log_config` where it has no hooks. */
function makeMeasureHook(runner: BaseRunner, logConfig: unknown): MeasureHook {
  const interval = isDict(logConfig) && typeof logConfig.interval === 'number' ? logConfig.interval : null;
  return new MeasureHook({
    interval: interval ?? DEFAULT_LOG_INTERVAL,
    byEpoch: !(runner instanceof IterBasedRunner),
  });
}

/**
 * The hooks that MMCV itself registers. In an IterBasedRunner `by_epoch` is False unless said, for lr_config,
 * checkpoint_config and loggers (not for momentum_config).
 * Source: mmcv 1.7.2 `base_runner.py` and `iter_based_runner.py` register_training_hooks.
 */
export function registerTrainingHooks(
  runner: BaseRunner,
  dict: Readonly<Record<string, unknown>>,
  context: BuildContext,
): void {
  const priorities = PRIORITY_TABLES[readPriorities(dict.hook_priorities)];
  const unit = runner instanceof IterBasedRunner ? { by_epoch: false } : {};
  const hook = (cfg: unknown, path: string, type: string, defaults: object = {}): Hook =>
    buildHook(cfg, path, context, { type, ...defaults });
  const { lr_config: lr, momentum_config: momentum } = dict;
  if (isDict(lr)) runner.registerHook(buildLrHook(lr, unit, context), priorities.lr);
  if (isDict(momentum)) runner.registerHook(buildMomentumHook(momentum, context), priorities.momentum);
  const optimizerHook = buildOptimizerHook(dict, runner.optimizer, context);
  if (optimizerHook) runner.registerHook(optimizerHook, priorities.optimizer);
  const { checkpoint_config: checkpoint } = dict;
  if (isDict(checkpoint)) {
    const built = hook(checkpoint, 'checkpoint_config', 'CheckpointHook', unit);
    runner.registerHook(built, priorities.checkpoint);
  }
  runner.registerHook(hook({}, 'timer', 'IterTimerHook'), priorities.timer);
  for (const logger of buildLoggers(dict.log_config, context, unit))
    runner.registerHook(logger, priorities.logger);
  registerCustomHooks(runner, dict.custom_hooks, context);
}

function registerCustomHooks(runner: BaseRunner, cfgs: unknown, context: BuildContext): void {
  for (const [i, cfg] of listOf(cfgs).entries()) {
    const path = Array.isArray(cfgs) ? `custom_hooks[${i}]` : 'custom_hooks';
    if (cfg instanceof Hook) {
      runner.registerHook(cfg, 'NORMAL');
      continue;
    }
    if (!isDict(cfg))
      throw new ConfigError(`${path} must be a dict, but got ${plainTypeName(cfg)}`, {
        code: 'not-a-dict',
        path,
      });
    const { priority, ...rest } = cfg;
    copySources(cfg, rest);
    const built = buildHook(rest, path, context);
    reportMisspelt(built, path, context);
    const { defaultPriority = 'NORMAL' } = built.constructor as { defaultPriority?: string };
    runner.registerHook(built, priority ?? defaultPriority);
  }
}

/** Of a class of the person's: ours may have methods of their own. */
function reportMisspelt(hook: Hook, path: string, context: BuildContext): void {
  const module = hook.constructor as unknown as ClassWithArgs;
  const span = placeOfClass(module);
  if (!span) return;
  for (const [method, stage] of misspeltMethods(hook))
    context.report({
      severity: 'warning',
      code: 'uncalled-method',
      message: `nothing calls ${module.name}.${method}`,
      path,
      span,
      hint: `did you mean '${stage}'?`,
    });
}

/** @throws ConfigError `bad-value` */
function readPriorities(value: unknown): 'mmcv' | 'tutorial' {
  if (value === undefined || value === null) return 'mmcv';
  if (value === 'mmcv' || value === 'tutorial') return value;
  throw new ConfigError(`hook_priorities must be 'mmcv' or 'tutorial', but got ${plainRepr(value)}`, {
    code: 'bad-value',
    path: 'hook_priorities',
    hint: "'mmcv' (the default) is MMCV 1.7's table; 'tutorial' is the one in MMDetection's tutorial",
  });
}

/**
 * The hooks of `log_config`.
 * @param unit `{ by_epoch: false }` in an IterBasedRunner
 * @throws ConfigError `missing-argument` without an interval
 */
export function buildLoggers(
  cfg: unknown,
  context: BuildContext,
  unit: Readonly<Record<string, unknown>>,
): Hook[] {
  if (!isDict(cfg)) return [];
  if (cfg.interval === undefined) {
    throw new ConfigError('log_config must have an interval, but has none', {
      code: 'missing-argument',
      path: 'log_config.interval',
      hint: "log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])",
    });
  }
  // Each logger gets it: what is wrong with it is told where it stands.
  const fault = LOGGER_ARGS.table.interval.kind.fault(cfg.interval);
  if (fault)
    throw new ConfigError(`log_config.interval ${fault.says}`, {
      code: fault.code,
      path: 'log_config.interval',
    });
  return listOf(cfg.hooks).map((hook, i) =>
    buildHook(hook, `log_config.hooks[${i}]`, context, { interval: cfg.interval, ...unit }),
  );
}

function buildEvalHook(runner: BaseRunner, { cfg, evaluator }: Validation): EvalHook {
  const args: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(cfg.hook)) args[snakeToCamel(key)] = value;
  // MMDetection always decides by the runner; here a by_epoch in the config is heard.
  args.byEpoch ??= !(runner instanceof IterBasedRunner);
  return new EvalHook(evaluator, args, cfg.evaluate);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
