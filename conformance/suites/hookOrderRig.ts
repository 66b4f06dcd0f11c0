// A runner with a model, loaders, a clock and files of its own: what the cases of hook_order.json run.

import { tensor } from '../../src/gpu/index.ts';
import { Parameter, type StateTensor } from '../../src/nn/index.ts';
import { SGD } from '../../src/optim/index.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import { snakeToCamel } from '../../src/registry/argNames.ts';
import type { BaseRunner } from '../../src/runner/baseRunner.ts';
import type { BatchLoader, RunnableModel, StepOutputs, Workflow } from '../../src/runner/runnerTypes.ts';
import type { StatefulModel } from '../../src/runner/checkpoint.ts';
import { EpochBasedRunner } from '../../src/runner/epochBasedRunner.ts';
import { EvalHook, type EvalHookArgs } from '../../src/runner/hooks/evaluation.ts';
import { Hook } from '../../src/runner/hooks/hook.ts';
import { IterTimerHook } from '../../src/runner/hooks/iterTimer.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import { createLogger } from '../../src/runner/logger.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import type { FileSystem } from '../../src/contracts/fileSystem.ts';
import { buildLoggers } from '../../src/plan/trainingHooks.ts';
import { isDict } from '../../src/lang/plain.ts';
import { decodeValue } from './compare.ts';
import { failed, passed, type FixtureCase, type ParityOutcome } from './types.ts';

/** Losses and sample counts that the models of the log cases give, over and over. */
export interface Header {
  readonly train_log_vars: readonly Record<string, number>[];
  readonly train_num_samples_cycle: readonly number[];
  readonly val_log_vars: readonly Record<string, number>[];
  readonly val_num_samples_cycle: readonly number[];
}

export interface RunCase extends FixtureCase {
  readonly runner?: string;
  readonly max_epochs?: number;
  readonly max_iters?: number;
  readonly train_len?: number;
  readonly val_len?: number;
  readonly lr?: number;
  readonly workflow?: readonly [string, number][];
  readonly resume?: readonly [number, number];
  /** What the run's meta holds from the start, such as exp_name, seed and env_info. */
  readonly meta?: unknown;
  readonly hook_msgs?: Record<string, unknown>;
  readonly eval_kwargs?: unknown;
  /** What the evaluations find, in turn. */
  readonly metrics?: readonly Readonly<Record<string, number | string>>[];
  readonly out?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly type: string };
}

export interface Rig {
  readonly runner: BaseRunner;
  readonly fs: FileSystem;
  /** The log without time and level. */
  readonly lines: string[];
  readonly loaders: readonly BatchLoader[];
  run(): Promise<void>;
}

const isIterBased = (one: RunCase): boolean => one.runner === 'IterBasedRunner';

/** Set the stage of a case. Without a header every loss is 1. */
export function makeRig(one: RunCase, header: Header | null = null): Rig {
  const fs = createMemoryFs();
  const lines: string[] = [];
  const weight = new Parameter([2]);
  const options = {
    model: new ListedModel(header, one.optimizer_config ? weight : null),
    optimizer: new SGD({ params: [weight], lr: one.lr ?? 0.01, momentum: 0.9 }),
    fs,
    workDir: 'exp',
    timestamp: 't',
    logger: createLogger(fs, 'exp/t.log', (event) => {
      if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - INFO - /s, ''));
    }),
  };
  const runner = isIterBased(one)
    ? new IterBasedRunner({ ...options, maxIters: one.max_iters })
    : new EpochBasedRunner({ ...options, maxEpochs: one.max_epochs });
  if (isDict(one.meta)) runner.meta = decodeValue(one.meta) as BaseRunner['meta'];
  if (one.hook_msgs) runner.meta.hook_msgs = { ...one.hook_msgs };
  if (one.resume) runner.restorePosition({ epoch: one.resume[0], iter: one.resume[1], innerIter: 0 });
  const workflow: Workflow = one.workflow ?? [['train', 1]];
  const loaders = workflow.map(([mode]) =>
    countingLoader((mode === 'val' ? one.val_len : one.train_len) ?? 1),
  );
  return {
    runner,
    fs,
    lines,
    loaders,
    run: async () => {
      try {
        await runner.run(loaders, workflow);
        await runner.logger.flush();
      } finally {
        runner.logBuffer.clear();
        weight.dispose();
        options.optimizer.dispose();
      }
    },
  };
}

function countingLoader(length: number): BatchLoader {
  return {
    length,
    async *epoch(_epoch, start = 0) {
      for (let i = start; i < length; i++) yield i;
    },
  };
}

/** A model whose losses come from a list, one after the other, and whose gradient is always [0.5, 0.5]. */
class ListedModel implements RunnableModel, StatefulModel {
  readonly #header: Header | null;
  readonly #weight: Parameter | null;
  #train = 0;
  #val = 0;

  /** @param weight gets the gradients; null: nobody would take them */
  constructor(header: Header | null, weight: Parameter | null) {
    this.#header = header;
    this.#weight = weight;
  }
  train(): void {
    // Nothing depends on the mode.
  }
  eval(): void {
    // Nothing depends on the mode.
  }
  trainStep(): StepOutputs {
    const header = this.#header;
    const outputs = header
      ? step(header.train_log_vars, header.train_num_samples_cycle, this.#train++)
      : step([{ loss: 1 }], [1], 0);
    if (!this.#weight) return outputs;
    return { ...outputs, grads: new Map([[this.#weight, tensor([0.5, 0.5], [2])]]) };
  }
  valStep(): StepOutputs {
    const header = this.#header;
    return header
      ? step(header.val_log_vars, header.val_num_samples_cycle, this.#val++)
      : step([{ loss: 1 }], [1], 0);
  }
  stateDict(): Promise<ReadonlyMap<string, StateTensor>> {
    return Promise.resolve(new Map([['weight', { shape: [1], dtype: 'float32', data: Float32Array.of(1) }]]));
  }
  loadStateDict(): {
    unexpected: [];
    missing: [];
    mismatched: [];
    notFinite: [];
    message: null;
    warnings: [];
  } {
    return { unexpected: [], missing: [], mismatched: [], notFinite: [], message: null, warnings: [] };
  }
}

function step(vars: readonly Record<string, number>[], samples: readonly number[], at: number): StepOutputs {
  const values = vars[at % vars.length] ?? {};
  const names = Object.keys(values);
  return { logVars: { names, values: Object.values(values) }, numSamples: samples[at % samples.length] ?? 1 };
}

/** A hook whose methods (MMCV's names) note where the run is. */
export function recordingHook(name: string, methods: readonly string[], trace: unknown[]): Hook {
  class Recording extends Hook {}
  const hook = new Recording();
  for (const method of methods) {
    // MMCV's runner has no mode before its first pass.
    const isEarly = (runner: BaseRunner): boolean =>
      method === 'before_run' || (method === 'before_epoch' && runner instanceof IterBasedRunner);
    const record = (runner: BaseRunner): void => {
      const mode = isEarly(runner) ? null : runner.mode;
      trace.push([name, method, mode, runner.epoch, runner.iter, runner.innerIter]);
    };
    Object.assign(hook, { [snakeToCamel(method)]: record });
  }
  return hook;
}

/** A context to build hooks with. */
export function makeContext(rig: Rig): BuildContext {
  return new BuildContext(createRunRegistries(), {
    fs: rig.fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
}

/** The timer of a run whose clock is the header's: each read is an eighth of a second later. */
export function registerTimer(rig: Rig, context: BuildContext): void {
  let time = 100;
  rig.runner.registerHook(new IterTimerHook({}, context, () => (time += 0.125)), 'LOW');
}

/** `log_config`'s hooks; in an IterBasedRunner they count by iteration unless told. */
export function registerLoggers(rig: Rig, context: BuildContext, config: unknown): void {
  const unit = rig.runner instanceof IterBasedRunner ? { by_epoch: false } : {};
  for (const hook of buildLoggers(decodeValue(config), context, unit))
    rig.runner.registerHook(hook, 'VERY_LOW');
}

/**
 * An EvalHook at its priority, and a watcher that knows the stage.
 * @returns where it evaluated: [epoch, iter, inner_iter, stage]
 */
export function registerEvaluation(rig: Rig, one: RunCase): { at: unknown[]; hook: EvalHook } {
  const { runner } = rig;
  const at: unknown[] = [];
  const kwargs = decodeValue(one.eval_kwargs ?? {}) as Record<string, unknown>;
  const args = Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [snakeToCamel(k), v]));
  let phase = '';
  const evaluator = {
    length: one.val_len ?? 1,
    evaluate: () => {
      const found = one.metrics ?? [{ acc: 1 }];
      const metrics = found[at.length % found.length] ?? {};
      at.push([runner.epoch, runner.iter, runner.innerIter, phase]);
      return Promise.resolve({ metrics, perClass: [], predictions: [] });
    },
  };
  const watcher = recordingHook('watcher', [], []);
  for (const name of ['before_train_epoch', 'before_train_iter', 'after_train_iter', 'after_train_epoch'])
    Object.assign(watcher, { [snakeToCamel(name)]: () => void (phase = name) });
  runner.registerHook(watcher, 'HIGHEST');
  const hook = new EvalHook(evaluator, args as EvalHookArgs, {});
  runner.registerHook(hook, 'LOW');
  return { at, hook };
}

/** Compare as JSON; of two lists, name the first entries that differ. */
export function compare(what: string, got: unknown, wanted: unknown): ParityOutcome {
  const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
  if (text(got) === text(wanted)) return passed;
  if (Array.isArray(got) && Array.isArray(wanted)) {
    const at = wanted.findIndex((entry, i) => text(entry) !== text(got[i]));
    const where = at === -1 ? wanted.length : at;
    return failed(`${what}[${where}]: got ${text(got[where])}, wanted ${text(wanted[where])}`);
  }
  return failed(`${what}: got ${text(got)}, wanted ${text(wanted)}`);
}

/** The first of several comparisons that failed. */
export function allOf(...outcomes: readonly ParityOutcome[]): ParityOutcome {
  return outcomes.find(({ status }) => status !== 'passed') ?? passed;
}
