// Laws of exact resume, at the level of runner and hooks: a run that is killed anywhere and resumed from any of its
// checkpoints gives the tensors and the log of a run that was never stopped.

import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  dispose,
  matMul,
  mean,
  memory,
  reshape,
  square,
  sub,
  tensor,
  valueAndGrads,
  type Tensor,
} from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Module, Parameter } from '../nn/index.ts';
import { buildOptimizer } from '../optim/index.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { BatchLoader, RunnableModel, StepOutputs, Workflow } from '../runner/runnerTypes.ts';
import { buildRunner } from '../runner/buildRunner.ts';
import { resumeRun } from '../runner/checkpoint.ts';
import { EvalHook } from '../runner/hooks/evaluation.ts';
import { createLogger } from '../runner/logger.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { Tuple } from '../util/tuple.ts';
import '../plan/registerAll.ts';
import { registerTrainingHooks } from '../plan/trainingHooks.ts';
import { take } from '../util/at.ts';

await testAdapter();

const BATCHES = 5;

/** y = x w + b, loss = mean((y - 1)^2); the batch is a number that scales the input. */
class Line extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1, 2], 'linear'));
  readonly bias = this.addParameter('bias', new Parameter([1]));

  constructor() {
    super();
    this.weight.fromTorch(Float32Array.of(0.5, -0.25));
  }

  trainStep(batch: never): StepOutputs {
    const factor = 1 + 0.1 * Number(batch);
    const input = [1, 2, 3, -1, 0.5, 0.5].map((v) => v * factor);
    const parameters = this.parameters();
    const { loss, grads } = valueAndGrads(
      () => {
        const y = add(matMul(tensor(input, [3, 2]), this.weight.variable), this.bias.variable);
        return { loss: mean(square(sub(y, 1))) };
      },
      parameters.map((p) => p.variable),
    );
    const byParameter = new Map<Parameter, Tensor>();
    for (const [i, parameter] of parameters.entries()) {
      const grad = grads[i];
      if (grad) byParameter.set(parameter, grad);
    }
    const values = reshape(loss, [1]);
    dispose(loss);
    return { logVars: { names: ['loss'], values }, numSamples: 3, grads: byParameter };
  }

  valStep(batch: never): StepOutputs {
    const { grads, ...outputs } = this.trainStep(batch);
    for (const grad of grads?.values() ?? []) dispose(grad);
    return outputs;
  }
}

const loader: BatchLoader = {
  length: BATCHES,
  async *epoch(epoch, start = 0) {
    for (let i = start; i < BATCHES; i++) yield i + BATCHES * epoch;
  },
};

interface Ran {
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly optimizer: unknown;
  readonly records: readonly Record<string, unknown>[];
  readonly checkpoints: readonly string[];
  readonly scaler: unknown;
  readonly hookMsgs: unknown;
  readonly epochs: number;
}

/** Run a config to its end, or from a checkpoint of another run of it. */
async function run(
  config: Readonly<Record<string, unknown>>,
  fs: FileSystem,
  workDir: string,
  resumeFrom?: string,
): Promise<Ran> {
  const context = new BuildContext(createRunRegistries(), {
    fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
  const model = new Line();
  const optimizer = buildOptimizer(model, config.optimizer, context);
  const logger = createLogger(fs, `${workDir}/t.log`, () => undefined);
  const runner = buildRunner(config.runner as Record<string, unknown>, context.registries.RUNNERS, {
    model,
    optimizer,
    fs,
    workDir,
    timestamp: 't',
    logger,
  });
  registerTrainingHooks(runner, config, context);
  if (config.evaluation) registerEvaluation(runner, model, config.evaluation);
  if (resumeFrom !== undefined) await resumeRun(runner, model, resumeFrom);
  const workflow = (config.workflow ?? [['train', 1]]) as Workflow;
  await runner.run(
    workflow.map(() => loader),
    workflow,
  );
  const { state, param_groups } = await optimizer.stateDict();
  const lines = (await fs.readText(`${workDir}/t.log.json`)).trim().split('\n').slice(1);
  const ran = {
    tensors: Object.fromEntries(
      [...(await model.stateDict())].map(([name, { data }]) => [name, Array.from(data as ArrayLike<number>)]),
    ),
    optimizer: { state, param_groups },
    // What a clock says is of no two runs the same.
    records: lines.map((line) => {
      const { time: _time, data_time: _data, ...record } = JSON.parse(line) as Record<string, unknown>;
      return record;
    }),
    checkpoints: (await fs.list(workDir)).map(({ name }) => name).filter((name) => /\d\.pth$/.test(name)),
    scaler: runner.meta.fp16,
    epochs: runner.epoch,
    hookMsgs: JSON.parse(JSON.stringify(runner.meta.hook_msgs ?? null).replace(/"[^"]*\//g, '"')) as unknown,
  };
  runner.logBuffer.clear();
  optimizer.zeroGrad();
  optimizer.dispose();
  model.dispose();
  return ran;
}

/** The metric is the weight's first value: what the model is decides it. */
function registerEvaluation(runner: BaseRunner, model: Line, cfg: unknown): void {
  const evaluator = {
    length: 2,
    evaluate: async () => {
      const [first] = take(await model.weight.toTorch(), 1);
      return { metrics: { mAP: 1 / (1 + Math.abs(first - 0.4)) }, perClass: [], predictions: [] };
    },
  };
  runner.registerHook(new EvalHook(evaluator, cfg as object, {}), 'LOW');
}

const byEpoch = { runner: { type: 'EpochBasedRunner', max_epochs: 3 } };
const byIter = { runner: { type: 'IterBasedRunner', max_iters: 11 } };
const log_config = { interval: 2, hooks: [{ type: 'TextLoggerHook', ignore_last: false }] };
const sgd = {
  optimizer: { type: 'SGD', lr: 0.05, momentum: 0.9 },
  optimizer_config: { grad_clip: { max_norm: 1 } },
  lr_config: { policy: 'cyclic', target_ratio: Tuple.of(10, 1e-4), cyclic_times: 1, step_ratio_up: 0.4 },
  momentum_config: { policy: 'cyclic', target_ratio: Tuple.of(0.85 / 0.95, 1), cyclic_times: 1 },
  // At NORMAL it runs behind the checkpoint hook: its last update is not in the file's tensors.
  custom_hooks: [{ type: 'EMAHook', momentum: 0.1 }],
  log_config,
};
const adamw = {
  optimizer: { type: 'AdamW', lr: 0.05 },
  optimizer_config: { type: 'GradientCumulativeOptimizerHook', cumulative_iters: 4 },
  lr_config: { policy: 'CosineAnnealing', min_lr: 0.001, warmup: 'linear', warmup_iters: 3, by_epoch: false },
  log_config,
};

const fp16 = { loss_scale: { init_scale: 2 ** 123, growth_interval: 3 } };
const halfSgd = {
  ...sgd,
  optimizer_config: { type: 'Fp16OptimizerHook', grad_clip: { max_norm: 1 }, ...fp16 },
};
const halfAdamw = {
  ...adamw,
  optimizer_config: { type: 'GradientCumulativeFp16OptimizerHook', cumulative_iters: 4, ...fp16 },
};

// Where an epoch begins, and inside it: neither is undone, nor done twice.
const scaleLr = (runner: BaseRunner, factor: number): void => {
  for (const group of runner.optimizer?.paramGroups ?? []) {
    group.lr *= factor;
    group.momentum = Number(group.momentum) * factor;
  }
};
const changed = {
  optimizer: sgd.optimizer,
  optimizer_config: {},
  lr_config: { policy: 'step', step: [1, 2], gamma: 0.5, warmup: 'linear', warmup_iters: 2 },
  momentum_config: { policy: 'step', step: [1], gamma: 0.9 },
  custom_hooks: [
    {
      type: 'ClosureHook',
      fn_name: 'before_train_epoch',
      fn: (r: BaseRunner) => {
        scaleLr(r, 0.9);
      },
    },
    {
      type: 'ClosureHook',
      fn_name: 'after_train_iter',
      fn: (r: BaseRunner) => {
        if (r.innerIter === 2) scaleLr(r, 0.7);
      },
    },
  ],
  log_config,
};

const flow: Workflow = [
  ['train', 2],
  ['val', 1],
];
const everyIter = { checkpoint_config: { interval: 1, by_epoch: false, filename_tmpl: 'i{}.pth' } };
const everyEpoch = { checkpoint_config: { interval: 1 }, evaluation: { interval: 1, saveBest: 'mAP' } };

// A second one, behind the average of the weights: what is left of the iteration differs between the two.
const twoEveryIter = {
  ...everyIter,
  custom_hooks: [
    ...sgd.custom_hooks,
    { type: 'CheckpointHook', interval: 1, by_epoch: false, filename_tmpl: 'j{}.pth', priority: 'LOW' },
  ],
};
// Ends the run before its last epoch: what each evaluation said counts once, before and behind the checkpoint.
const stoppedEarly = {
  runner: { type: 'EpochBasedRunner', max_epochs: 9 },
  custom_hooks: [
    ...sgd.custom_hooks,
    { type: 'EarlyStoppingHook', monitor: 'mAP', patience: 3, min_delta: 0.3 },
  ],
};

// Named after the epoch they are in, as in MMCV: the last one of each epoch stays.
const everyThird = { checkpoint_config: { interval: 3, by_epoch: false, filename_tmpl: 'e{}.pth' } };

/** Finished iterations at a checkpoint. */
function doneAt(name: string): number {
  const [, kind, digits] = /^(.*?)_?(\d+)\.pth$/.exec(name) ?? [];
  const count = Number(digits);
  // Of an epoch: what is measured behind its last iteration, but not that iteration's own record.
  if (kind === 'i' || kind === 'j') return count;
  return kind === 'e' ? Math.floor((count * BATCHES) / 3) * 3 : count * BATCHES + 0.5;
}

/** The iteration at whose end a record is written; evaluations come half an iteration later. */
function endOf({ mode, epoch, iter }: Readonly<Record<string, unknown>>): number {
  if (mode === 'val') return Number(epoch) * BATCHES + 0.5;
  return isByIter ? Number(iter) : (Number(epoch) - 1) * BATCHES + Number(iter);
}
let isByIter = false;

const cases: [string, Record<string, unknown>][] = [
  ['SGD + EMA + cyclic, checkpoints by epoch, best score', { ...byEpoch, ...sgd, ...everyEpoch }],
  [
    'SGD + EMA + cyclic, epochs of training and of validation',
    { ...byEpoch, ...sgd, ...everyEpoch, workflow: flow },
  ],
  ['SGD + EMA + cyclic, checkpoints inside epochs', { ...byEpoch, ...sgd, ...everyThird, workflow: flow }],
  ['SGD + EMA + cyclic, checkpoints by iteration', { ...byIter, ...sgd, ...everyIter }],
  ['SGD + EMA + cyclic, two checkpoint hooks', { ...byIter, ...sgd, ...twoEveryIter }],
  ['SGD + EMA + cyclic, early stopping, best score', { ...sgd, ...everyEpoch, ...stoppedEarly }],
  ['AdamW + cosine + GradientCumulative, checkpoints by iteration', { ...byIter, ...adamw, ...everyIter }],
  ['AdamW + cosine + GradientCumulative, checkpoints inside epochs', { ...byEpoch, ...adamw, ...everyThird }],
  ['AdamW + cosine + GradientCumulative, checkpoints by epoch', { ...byEpoch, ...adamw, ...everyEpoch }],
  ['lr and momentum by epoch, which other hooks change too', { ...byEpoch, ...changed, ...everyThird }],
  ['SGD + EMA + cyclic, a loss scale that overflows and grows', { ...byIter, ...halfSgd, ...everyIter }],
  ['AdamW + GradientCumulative with a loss scale', { ...byIter, ...halfAdamw, ...everyIter }],
];

describe('law: resumed from any checkpoint, the run gives the tensors and the log of the straight one', () => {
  test.each(cases)('%s', async (_, config) => {
    isByIter = config.runner === byIter.runner;
    const fs = createMemoryFs();
    const straight = await run(config, fs, 'a');
    expect(straight.checkpoints.length).toBeGreaterThan(2);
    for (const name of straight.checkpoints) {
      const workDir = `b_${name}`;
      const resumed = await run(config, fs, workDir, `a/${name}`);
      const where = `resumed from ${name}`;
      expect(resumed.tensors, where).toEqual(straight.tensors);
      expect(resumed.optimizer, where).toEqual(straight.optimizer);
      // The records from the checkpoint on, none missing and none twice.
      const done = doneAt(name);
      expect(resumed.records, where).toEqual(straight.records.filter((record) => endOf(record) >= done));
      expect(resumed.epochs, where).toBe(straight.epochs);
      expect(resumed.scaler, where).toEqual(straight.scaler);
      expect(resumed.hookMsgs, where).toEqual(straight.hookMsgs);
    }
  });
});

test("resumed from Dvclive's model file, which is written behind the evaluation, the run stops where it would have", async () => {
  const config = (maxEpochs: number, modelFile: string): Record<string, unknown> => ({
    ...sgd,
    ...everyEpoch,
    ...stoppedEarly,
    runner: { type: 'EpochBasedRunner', max_epochs: maxEpochs },
    lr_config: { policy: 'fixed' },
    momentum_config: null,
    log_config: {
      interval: 2,
      hooks: [...log_config.hooks, { type: 'DvcliveLoggerHook', model_file: modelFile }],
    },
  });
  const fs = createMemoryFs();
  const straight = await run(config(9, 'a/model.pth'), fs, 'a');
  await run(config(2, 'b/model.pth'), fs, 'b');
  const resumed = await run(config(9, 'c/model.pth'), fs, 'c', 'b/model.pth');
  expect(straight.epochs).toBeLessThan(9);
  expect(resumed.epochs).toBe(straight.epochs);
  expect(resumed.tensors).toEqual(straight.tensors);
  isByIter = false;
  expect(resumed.records).toEqual(straight.records.filter((record) => endOf(record) > 2 * BATCHES + 0.5));
});

const before = memory().numTensors;
afterAll(() => expect(memory().numTensors).toBe(before));
