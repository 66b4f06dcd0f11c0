// Hooks that change or watch a run, on the real runner with a model of one weight.

import { describe, expect, test } from 'vitest';
import type { DatasetChange } from '../../datasets/datasetChange.ts';
import { add, initEngine, memory, read, tensor } from '../../gpu/index.ts';
import { isProfiling } from '../../gpu/dispatch/profiler.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { failBuffers } from '../../gpu/testing/outOfMemory.ts';
import { Module, Parameter } from '../../nn/index.ts';
import { SGD } from '../../optim/index.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from '../runnerTypes.ts';
import { resumeRun } from '../checkpoint.ts';
import { EpochBasedRunner } from '../epochBasedRunner.ts';
import { createLogger } from '../logger.ts';
import { CheckpointHook } from './checkpoint.ts';
import { EarlyStoppingHook } from './earlyStopping.ts';
import { EMAHook } from './ema.ts';
import { EmptyCacheHook } from './emptyCache.ts';
import { EvalHook } from './evaluation.ts';
import { Fp16OptimizerHook } from './fp16Optimizer.ts';
import { GradientCumulativeFp16OptimizerHook } from './gradientCumulativeFp16Optimizer.ts';
import { GradientCumulativeOptimizerHook } from './gradientCumulativeOptimizer.ts';
import type { Hook } from './hook.ts';
import { MemoryProfilerHook } from './memoryProfiler.ts';
import { OptimizerHook } from './optimizer.ts';
import { ProfilerHook } from './profiler.ts';
import { profilerSchedule } from './profilerSchedule.ts';
import { RFSearchHook } from './rfSearch.ts';
import { SyncRandomSizeHook } from './syncRandomSize.ts';
import { YOLOXModeSwitchHook } from './yoloxModeSwitch.ts';
import { at as itemAt } from '../../util/at.ts';

await testAdapter();

class Head extends Module {
  useL1 = false;
}

/** One weight; its gradient is the number of the batch. */
class OneWeight extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1]));
  readonly bboxHead?: Head;
  constructor(head?: Head) {
    super();
    if (head) this.bboxHead = this.addModule('bbox_head', head);
  }
  trainStep(batch: never): StepOutputs {
    const grads = new Map([[this.weight, tensor([Number(batch)], [1])]]);
    return { logVars: { names: ['loss'], values: [1] }, numSamples: 1, grads };
  }
  valStep(batch: never): StepOutputs {
    return this.trainStep(batch);
  }
}

const BATCHES = 3;

interface Stage {
  readonly runner: EpochBasedRunner;
  readonly model: OneWeight;
  readonly lines: string[];
  /** What was changed in the dataset: [epoch, change]. */
  readonly changes: [number, DatasetChange][];
  run(): Promise<number>;
}

function stage(
  hooks: readonly (Hook | readonly [Hook, unknown])[],
  options: {
    maxEpochs?: number;
    head?: Head;
    fs?: ReturnType<typeof createMemoryFs>;
    grad?: (i: number) => number;
  } = {},
): Stage {
  const { maxEpochs = 2, head, fs = createMemoryFs(), grad = (i) => i } = options;
  const lines: string[] = [];
  const changes: [number, DatasetChange][] = [];
  const model = new OneWeight(head);
  const optimizer = new SGD({ params: model.parameters(), lr: 0.1, momentum: 0.9 });
  const logger = createLogger(fs, 'w/t.log', (event) => {
    if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - /s, ''));
  });
  const runner = new EpochBasedRunner({
    model,
    optimizer,
    fs,
    workDir: 'w',
    logger,
    timestamp: 't',
    maxEpochs,
  });
  for (const hook of hooks) {
    if (Array.isArray(hook)) runner.registerHook(hook[0] as Hook, hook[1]);
    else runner.registerHook(hook as Hook);
  }
  const loader: BatchLoader = {
    length: BATCHES,
    async *epoch(epoch, start = 0) {
      for (let i = start; i < BATCHES; i++) yield grad(1 + i + BATCHES * epoch);
    },
    changeDataset: (change) => void changes.push([runner.epoch, change]),
  };
  const run = async (): Promise<number> => {
    await runner.run([loader], [['train', 1]]);
    runner.logBuffer.clear();
    return itemAt(await model.weight.toTorch(), 0);
  };
  return { runner, model, lines, changes, run };
}

test('averages of the weights for which the GPU has no room are named', async () => {
  const { runner, run } = stage([[new EMAHook(), 49]]);
  runner.optimizer?.prepare();
  const end = failBuffers(256);
  await expect(run()).rejects.toMatchObject({
    code: 'out-of-memory',
    path: 'custom_hooks',
    message: "the averages of the weights need 260 B of the GPU, which it doesn't have",
  });
  end();
  await initEngine();
});

describe('YOLOXModeSwitchHook', () => {
  test('leaves transforms out and switches the L1 loss on, num_last_epochs before the end', async () => {
    const head = new Head();
    const { run, changes, lines } = stage([new YOLOXModeSwitchHook({ numLastEpochs: 2 })], {
      maxEpochs: 4,
      head,
    });
    await run();
    // MMDetection switches in the epoch whose number from 1 is max_epochs - num_last_epochs.
    expect(changes).toEqual([[1, { skipTypeKeys: ['Mosaic', 'RandomAffine', 'MixUp'] }]]);
    expect(head.useL1).toBe(true);
    expect(lines).toContain('INFO - No mosaic and mixup aug now!');
    expect(lines).toContain('INFO - Add additional L1 loss now!');
  });

  test('a head without use_l1 is told; a run that is too short is never switched', async () => {
    const plain = stage([new YOLOXModeSwitchHook({ numLastEpochs: 1, skipTypeKeys: ['MixUp'] })]);
    await plain.run();
    expect(plain.changes).toEqual([[0, { skipTypeKeys: ['MixUp'] }]]);
    expect(plain.lines.at(-1)).toContain('bbox_head has no use_l1');
    const short = stage([new YOLOXModeSwitchHook()]);
    await short.run();
    expect(short.changes).toEqual([]);
  });

  test('resumed behind the switch, the run is switched', async () => {
    const fs = createMemoryFs();
    await stage([new CheckpointHook({ interval: 1 })], { maxEpochs: 4, fs }).run();
    const { runner, model, run, changes } = stage([new YOLOXModeSwitchHook({ numLastEpochs: 2 })], {
      maxEpochs: 4,
      fs,
    });
    await resumeRun(runner, model, 'w/epoch_3.pth');
    await run();
    expect(changes).toHaveLength(1);
  });

  test('a name without its comma is refused', () => {
    expect(() => new YOLOXModeSwitchHook({ skipTypeKeys: 'Mosaic' as never })).toThrow(
      'skip_type_keys must be a list or tuple of strings',
    );
  });
});

describe('SyncRandomSizeHook', () => {
  test('chooses a multiple of 32 after each interval, from seed and epoch alone; a resumed run has it again', async () => {
    const fs = createMemoryFs();
    const args = { ratioRange: [2, 9], imgScale: [640, 320], interval: 2 } as const;
    const hooks = (): Hook[] => [new SyncRandomSizeHook(args), new CheckpointHook({ interval: 1 })];
    const straight = stage(hooks(), { maxEpochs: 5, fs });
    await straight.run();
    expect(straight.changes.map(([epoch]) => epoch)).toEqual([1, 3]);
    for (const [, { dynamicScale = [0, 0] }] of straight.changes) {
      expect(dynamicScale[0] % 32).toBe(0);
      expect(dynamicScale[0] / 32).toBeGreaterThanOrEqual(2);
      expect(dynamicScale[0] / 32).toBeLessThanOrEqual(9);
      expect(dynamicScale[1]).toBe(32 * Math.trunc(dynamicScale[0] / 64));
    }
    const resumed = stage(hooks(), { maxEpochs: 5, fs });
    await resumeRun(resumed.runner, resumed.model, 'w/epoch_3.pth');
    await resumed.run();
    expect(resumed.changes).toEqual([[3, itemAt(straight.changes, 0)[1]], straight.changes[1]]);
  });

  test('None keeps the size; bad ranges are refused', async () => {
    const { run, changes } = stage([new SyncRandomSizeHook({ ratioRange: null })]);
    await run();
    expect(changes).toEqual([]);
    expect(() => new SyncRandomSizeHook({ ratioRange: [3] as never })).toThrow(
      'ratio_range must be a list or tuple of two whole numbers of at least 1 or None, but got [3]',
    );
    expect(() => new SyncRandomSizeHook({ ratioRange: [9, 3] })).toThrow('ratio_range must ascend');
  });
});

describe('EarlyStoppingHook', () => {
  const evaluationOf = (scores: readonly number[]): EvalHook => {
    let next = 0;
    const evaluate = () =>
      Promise.resolve({ metrics: { mAP: scores[next++] ?? NaN }, perClass: [], predictions: [] });
    return new EvalHook({ length: 1, evaluate }, {}, {});
  };
  const stoppedAfter = async (
    scores: readonly number[],
    args: Omit<ConstructorParameters<typeof EarlyStoppingHook>[0], 'monitor'>,
  ): Promise<[number, string | null]> => {
    const hook = new EarlyStoppingHook({ monitor: 'mAP', ...args });
    const { runner, run } = stage(
      [
        [evaluationOf(scores), 'LOW'],
        [hook, 'LOWEST'],
      ],
      { maxEpochs: scores.length },
    );
    await run();
    return [runner.epoch, runner.stopTraining];
  };

  test('ends the run when min_delta is not reached patience times in a row', async () => {
    const scores = [0.1, 0.3, 0.35, 0.36, 0.6, 0.61, 0.62, 0.63, 0.64];
    const [epochs, reason] = await stoppedAfter(scores, { patience: 3 });
    expect(epochs).toBe(8);
    expect(reason).toBe(
      'The monitored mAP did not improve in the last 3 evaluations; the best score is 0.600.',
    );
  });

  test('less is better by rule; a threshold and a NaN end it at once', async () => {
    expect((await stoppedAfter([3, 2, 1, 1, 1], { rule: 'less', minDelta: 0.5, patience: 2 }))[0]).toBe(5);
    expect((await stoppedAfter([0.1, 0.5, 0.6], { stoppingThreshold: 0.4 }))[0]).toBe(2);
    expect((await stoppedAfter([0.1, NaN, 0.6], {}))[0]).toBe(2);
    expect((await stoppedAfter([0.1, NaN, 0.6], { checkFinite: false }))[0]).toBe(3);
  });

  test('a metric that is not there is skipped, or an error with strict; no evaluation at all is told', async () => {
    const other = new EarlyStoppingHook({ monitor: 'acc' });
    const skipped = stage([
      [evaluationOf([1, 1]), 'LOW'],
      [other, 'LOWEST'],
    ]);
    await skipped.run();
    expect(skipped.lines.at(-1)).toContain('the evaluation has no acc, it has mAP');
    const strict = new EarlyStoppingHook({ monitor: 'acc', strict: true });
    await expect(
      stage([
        [evaluationOf([1, 1]), 'LOW'],
        [strict, 'LOWEST'],
      ]).run(),
    ).rejects.toThrow('acc is none');
    const alone = stage([new EarlyStoppingHook({ monitor: 'acc' })]);
    await alone.run();
    expect(alone.lines.join('\n')).toContain("no evaluation gives acc, so the run won't be stopped");
    expect(() => new EarlyStoppingHook({ monitor: 'time' })).toThrow('cannot infer');
  });

  test('law: resumed in between, it stops where the straight run does', async () => {
    const fs = createMemoryFs();
    const scores = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
    const hooks = (from: number): [Hook, unknown][] => [
      [new CheckpointHook({ interval: 1 }), 'NORMAL'],
      [evaluationOf(scores.slice(from)), 'LOW'],
      [new EarlyStoppingHook({ monitor: 'mAP', patience: 3 }), 'LOWEST'],
    ];
    const straight = stage(hooks(0), { maxEpochs: 6, fs });
    await straight.run();
    expect(straight.runner.epoch).toBe(4);
    const resumed = stage(hooks(2), { maxEpochs: 6, fs });
    await resumeRun(resumed.runner, resumed.model, 'w/epoch_2.pth');
    await resumed.run();
    expect(resumed.runner.epoch).toBe(4);
  });
});

describe('ProfilerHook', () => {
  test("writes Chrome's trace: each iteration, and each dispatch inside it", async () => {
    const fs = createMemoryFs();
    const profiler = new ProfilerHook({
      byEpoch: false,
      profileIters: 2,
      onTraceReady: { type: 'log_trace', row_limit: 3 },
      jsonTracePath: 'w/trace.json',
      withStack: true,
    });
    const { run, lines } = stage([[new OptimizerHook(), 'ABOVE_NORMAL'], profiler], { fs });
    await run();
    const { traceEvents: events } = JSON.parse(await fs.readText('w/trace.json')) as {
      traceEvents: { ph: string; name: string; cat?: string; ts: number; dur: number; pid: number }[];
    };
    const steps = events.filter(({ cat }) => cat === 'user_annotation');
    expect(steps.map(({ name }) => name)).toEqual(['ProfilerStep#0', 'ProfilerStep#1']);
    expect(itemAt(steps, 1).ts).toBeGreaterThanOrEqual(itemAt(steps, 0).ts + itemAt(steps, 0).dur);
    const kernels = events.filter(({ cat }) => cat === 'kernel');
    expect(kernels.length).toBeGreaterThan(0);
    for (const { dur, pid } of kernels) expect([dur >= 0, pid]).toEqual([true, 1]);
    expect(lines.find((line) => line.includes('# calls'))).toContain('2 iterations');
    expect(lines.join('\n')).toContain('have nothing to switch on here');
  });

  test('by epoch, with a schedule and files for TensorBoard', async () => {
    const fs = createMemoryFs();
    const schedule = { wait: 1, warmup: 0, active: 1, repeat: 2 };
    const profiler = new ProfilerHook({ schedule, onTraceReady: { type: 'tb_trace' }, activities: ['cpu'] });
    await stage([profiler], { fs }).run();
    const names = (await fs.list('w/tf_tracing_logs')).map(({ name }) => name);
    expect(names).toEqual(['tabtrain.t.1.pt.trace.json']);
  });

  test.each([false, true])(
    'a run resumed behind profile_iters is not profiled (by_epoch: %s)',
    async (byEpoch) => {
      const fs = createMemoryFs();
      const profiler = (): ProfilerHook =>
        new ProfilerHook({ byEpoch, profileIters: 1, jsonTracePath: 'w/trace.json' });
      await stage([new CheckpointHook({ interval: 1 }), profiler()], { fs }).run();
      await fs.remove('w/trace.json');
      const resumed = stage([profiler()], { fs });
      await resumeRun(resumed.runner, resumed.model, 'w/epoch_1.pth');
      await resumed.run();
      expect(isProfiling()).toBe(false);
      expect(await fs.stat('w/trace.json')).toBeNull();
      expect(resumed.lines.join('\n')).toContain('resumed behind profile_iters');
    },
  );

  test('schedules are PyTorch’s', () => {
    const action = profilerSchedule({ wait: 1, warmup: 1, active: 2, repeat: 1, skip_first: 1 });
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(action)).toEqual([
      'none',
      'none',
      'none',
      'record',
      'recordAndSave',
      'none',
      'none',
      'none',
    ]);
    expect(() => profilerSchedule({ wait: 1, warmup: 1 })).toThrow('schedule must have active');
    expect(() => profilerSchedule({ wiat: 1 })).toThrow('schedule.wiat is not a key here');
  });

  test('what cannot be is refused', async () => {
    expect(() => new ProfilerHook({ activities: ['tpu'] })).toThrow(
      "activities must be a list of 'cpu' and 'cuda'",
    );
    await expect(stage([new ProfilerHook({ profileIters: 9 })]).run()).rejects.toThrow(
      'must not be greater than max_epochs',
    );
    await expect(stage([new ProfilerHook({ onTraceReady: { type: 'x' } })]).run()).rejects.toThrow(
      "'log_trace' or 'tb_trace'",
    );
    expect(() => new RFSearchHook()).toThrow('swaps the layers of a running model');
  });
});

test('EmptyCacheHook gives unused buffers back after each epoch, or after each iteration', async () => {
  const held: number[] = [];
  for (const args of [{ afterEpoch: false }, {}, { afterIter: true }]) {
    const { run } = stage([new EmptyCacheHook(args)]);
    for (const t of [tensor([1, 2, 3], [3]), tensor([1], [1])]) {
      const sum = add(t, t);
      await read(sum);
      sum.dispose();
      t.dispose();
    }
    await run();
    held.push(memory().numBytesInGpu);
  }
  expect(held[1]).toBeLessThan(itemAt(held, 0));
  expect(held[2]).toBeLessThanOrEqual(itemAt(held, 1));
});

test('MemoryProfilerHook logs what the run holds, every interval', async () => {
  const { run, lines } = stage([new MemoryProfilerHook({ interval: 2 })]);
  await run();
  const told = lines.filter((line) => line.startsWith('INFO - Memory information'));
  expect(told).toHaveLength(3);
  expect(told[0]).toMatch(
    /tensors: \d+, tensor_memory: \d+ MB, gpu_buffer_memory: \d+ MB, js_heap_memory: \d+ MB/,
  );
});

describe('fp16', () => {
  const gradOf = (i: number): number => 1e-3 * i;
  const plain = (): Promise<number> => stage([new OptimizerHook()], { grad: gradOf }).run();

  test('a scale that is a power of two changes no bit; the log says once that the arithmetic is float32', async () => {
    const wanted = await plain();
    for (const lossScale of [512, 'dynamic', { init_scale: 2 ** 60, growth_interval: 2 }]) {
      const { run, lines, runner } = stage([new Fp16OptimizerHook({ lossScale })], { grad: gradOf });
      expect(await run()).toBe(wanted);
      expect(lines.filter((line) => line.includes('the arithmetic stays float32'))).toHaveLength(1);
      expect(runner.meta.fp16).toMatchObject({ loss_scaler: { growth_factor: 2 } });
    }
  });

  test('a step with an infinite gradient is left out, and the scale backs off until it fits', async () => {
    // 2^127 times 3e-3 fits; times 8 and more it does not, until the scale has been halved often enough.
    const grad = (i: number): number => (i === 1 || i === 2 ? 8 : 1);
    const { run, lines, runner } = stage([new Fp16OptimizerHook({ lossScale: { init_scale: 2 ** 127 } })], {
      grad,
    });
    const got = await run();
    // 8 * 2^127, 8 * 2^126 overflow; 1 * 2^125 does not.
    expect(lines.filter((line) => line.includes('the step is left out'))).toHaveLength(2);
    expect(runner.meta.fp16).toMatchObject({ loss_scaler: { scale: 2 ** 125, _growth_tracker: 4 } });
    let weight = 0;
    let buffer = 0;
    for (let i = 0; i < 4; i++) {
      buffer = 0.9 * buffer + 1;
      weight -= 0.1 * buffer;
    }
    expect(got).toBeCloseTo(weight, 5);
  });

  test('with accumulation: a block with a NaN makes no step', async () => {
    const grad = (i: number): number => (i === 3 ? NaN : 2);
    const hook = new GradientCumulativeFp16OptimizerHook({ cumulativeIters: 2, lossScale: 4 });
    const { run, lines } = stage([hook], { grad });
    // Blocks of 2: the second is left out, the others step with the mean gradient 2.
    expect(await run()).toBeCloseTo(-0.1 * (2 + (0.9 * 2 + 2)), 5);
    expect(lines.filter((line) => line.includes('the step is left out'))).toHaveLength(1);
  });
});

test('the last, smaller block of an accumulation is max_iters % cumulative_iters, wherever the run starts', async () => {
  const hook = new GradientCumulativeOptimizerHook({ cumulativeIters: 4 });
  const { run, runner, lines } = stage([hook], { maxEpochs: 3, grad: () => 1 });
  // As a checkpoint of MMCV's: the first of its block's four gradients are lost.
  runner.restorePosition({ epoch: 1, iter: 3, innerIter: 0 });
  // Steps behind iterations 3, 7 and 8 with the gradients 1/4, 4/4 and 1/1.
  const second = 0.9 * 0.25 + 1;
  expect(await run()).toBeCloseTo(-0.1 * (0.25 + second + (0.9 * second + 1)), 6);
  expect(lines.filter((line) => line.includes('Loss will be divided by 1 in the last 1'))).toHaveLength(1);
});

test('EMAHook: warm_up=0 limits nothing, as 1; a negative one is refused', () => {
  expect(new EMAHook({ warmUp: 0 }).warmUp).toBe(0);
  expect(() => new EMAHook({ warmUp: -1 })).toThrow('warm_up must be a number of at least 0, but got -1');
});
