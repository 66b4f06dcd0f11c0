import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import type { RunnableModel, RunnerOptions } from './runnerTypes.ts';

/**
 * Check what a runner is made of: a person's own code may make one without the compiler's help.
 * @throws ConfigError `bad-type`, `no-train-step`, `batch-processor`, or `bad-runner` for two lengths
 * Source: mmcv 1.7.2 `runner/base_runner.py`. Differs: work_dir can't be None, as every run has files; there are neither
 * dicts of optimizers nor batch processors.
 */
export function checkOptions(options: RunnerOptions): void {
  const { model, optimizer, logger, meta, workDir, maxEpochs, maxIters } = options;
  const batchProcessor: unknown = 'batchProcessor' in options ? options.batchProcessor : null;
  checkModel(model, batchProcessor ?? null);
  if (optimizer !== null && !hasMethod(optimizer, 'step')) throw badOptimizer(optimizer);
  if (!hasMethod(logger, 'info')) throw badType('logger must be a Logger', logger);
  if (meta !== undefined && !isDict(meta)) throw badType('meta must be a dict', meta);
  if (typeof workDir !== 'string') throw badType('work_dir must be a string', workDir);
  if ((maxEpochs ?? null) !== null && (maxIters ?? null) !== null)
    throw refused('only one of max_epochs and max_iters can be set, but both are', 'bad-runner');
}

function checkModel(model: unknown, batchProcessor: unknown): void {
  if (batchProcessor === null) {
    if (hasMethod(model, 'trainStep')) return;
    throw refused(
      'the model must have a method trainStep, but has none',
      'no-train-step',
      'trainStep(batch) gives the losses and the gradients of an iteration',
    );
  }
  if (typeof batchProcessor !== 'function')
    throw badType('batch_processor must be a function', batchProcessor);
  throw refused(
    'batch_processor must not be given, but it is',
    'batch-processor',
    "MMCV deprecates it: write its work into the model's trainStep and valStep",
  );
}

function badOptimizer(optimizer: unknown): ConfigError {
  if (!isDict(optimizer)) return badType('optimizer must be an Optimizer or None', optimizer);
  for (const [name, entry] of Object.entries(optimizer))
    if (!hasMethod(entry, 'step')) return badType(`optimizer["${name}"] must be an Optimizer`, entry);
  return refused(
    `a runner takes one optimizer, but got ${Object.keys(optimizer).length} by name`,
    'bad-type',
    'one optimizer with a parameter group for each part of the model has rates of its own for each',
  );
}

function hasMethod(value: unknown, name: keyof RunnableModel | 'step' | 'info'): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Readonly<Record<string, unknown>>)[name] === 'function';
}

function badType(requirement: string, value: unknown): ConfigError {
  return refused(`${requirement}, but got ${plainRepr(value)}`, 'bad-type');
}

function refused(message: string, code: string, hint?: string): ConfigError {
  return new ConfigError(message, { code, path: 'runner', hint });
}
