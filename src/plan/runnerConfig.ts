// The two config keys that say how long and in which order a run goes.

import { isDict } from '../lang/plain.ts';
import { ConfigError } from '../errors/trainerError.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { Workflow } from '../runner/runnerTypes.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { Tuple } from '../util/tuple.ts';

/**
 * Read `workflow`; None is `[('train', 1)]`.
 * @throws ConfigError `bad-workflow` unless it is a list of (mode, times) tuples, as MMCV asserts
 */
export function readWorkflow(value: unknown): Workflow {
  if (value === undefined || value === null) return [['train', 1]];
  const entries: unknown[] = Array.isArray(value) && !(value instanceof Tuple) ? value : [];
  const valid = entries.every(
    (e) =>
      e instanceof Tuple &&
      e.length === 2 &&
      typeof e[0] === 'string' &&
      typeof e[1] === 'number' &&
      Number.isInteger(e[1]) &&
      e[1] >= 0,
  );
  if (entries.length > 0 && valid) {
    const workflow = entries as unknown as Workflow;
    if (workflow.some(([mode, times]) => mode === 'train' && times > 0)) return workflow;
    throw new ConfigError(`workflow must have a 'train' step, but it is ${plainRepr(value)}`, {
      code: 'bad-workflow',
      path: 'workflow',
      hint: "workflow = [('train', 1)]; to evaluate alone, use tabtrain test",
    });
  }
  throw new ConfigError("workflow must be a list of (mode, times) tuples such as [('train', 1)]", {
    code: 'bad-workflow',
    path: 'workflow',
    hint: "write workflow = [('train', 1)] or [('train', 1), ('val', 1)], with round brackets inside",
  });
}

/**
 * The `runner` dict of a config; `total_epochs` stands for an EpochBasedRunner, as in MMDetection.
 * @throws ConfigError when there is neither, or both disagree
 */
export function readRunnerCfg(dict: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { runner, total_epochs: totalEpochs } = dict;
  if (isDict(runner)) {
    const { max_epochs: maxEpochs } = runner;
    if (totalEpochs === undefined || maxEpochs === undefined || maxEpochs === totalEpochs) return runner;
    throw new ConfigError(
      `total_epochs must agree with runner.max_epochs, but they are ${plainRepr(totalEpochs)} and ${plainRepr(maxEpochs)}`,
      { code: 'bad-runner', path: 'total_epochs', hint: 'remove total_epochs: runner is what counts' },
    );
  }
  if (totalEpochs !== undefined) return { type: 'EpochBasedRunner', max_epochs: totalEpochs };
  throw new ConfigError('runner must be a dict that says how long to train, but the config has none', {
    code: 'bad-value',
    path: 'runner',
    hint: "write runner = dict(type='EpochBasedRunner', max_epochs=12)",
  });
}

/** Epochs and iterations of a whole run; of an IterBasedRunner the passes over the training set, begun ones too. */
export function runLength(
  runner: BaseRunner,
  itersPerEpoch: number,
): { readonly maxEpochs: number; readonly maxIters: number } {
  const { maxEpochs, maxIters } = runner;
  if (maxEpochs !== undefined) return { maxEpochs, maxIters: maxEpochs * itersPerEpoch };
  if (maxIters !== undefined)
    return { maxEpochs: Math.ceil(maxIters / Math.max(1, itersPerEpoch)), maxIters };
  throw new ConfigError('runner must have max_epochs or max_iters, but has neither', {
    code: 'bad-value',
    path: 'runner',
    hint: "write runner = dict(type='EpochBasedRunner', max_epochs=12)",
  });
}
