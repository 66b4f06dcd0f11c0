import { describe, expect, test } from 'vitest';
import { Parameter } from '../nn/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { memory, tensor } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from './runnerTypes.ts';
import { EpochBasedRunner } from './epochBasedRunner.ts';
import { Hook, type Stage, STAGES } from './hooks/hook.ts';
import { createLogger } from './logger.ts';
import { getPriority, priorityLabel } from './priority.ts';
import { RunControl } from './runControl.ts';
import { at } from '../util/at.ts';

await testAdapter();

/** A loader and a model that only count: what is tested is who is called when. */
function loaderOf(length: number): BatchLoader {
  return {
    length,
    async *epoch(_epoch, start = 0) {
      for (let i = start; i < length; i++) yield i;
    },
  };
}

class CountingModel implements RunnableModel {
  readonly batches: unknown[] = [];
  train(): void {
    this.batches.push('train');
  }
  eval(): void {
    this.batches.push('eval');
  }
  trainStep(batch: never): StepOutputs {
    this.batches.push(batch);
    return { logVars: { names: ['loss'], values: tensor([Number(batch)], [1]) }, numSamples: 1 };
  }
  valStep(batch: never): StepOutputs {
    return this.trainStep(batch);
  }
}

function makeRunner(
  maxEpochs: number,
  control = new RunControl(),
): { runner: EpochBasedRunner; model: CountingModel } {
  const fs = createMemoryFs();
  const model = new CountingModel();
  const runner = new EpochBasedRunner({
    model,
    optimizer: null,
    fs,
    workDir: 'w',
    logger: createLogger(fs, 'w/a.log', () => undefined),
    timestamp: 't',
    maxEpochs,
    control,
  });
  return { runner, model };
}

class Recorder extends Hook {
  readonly calls: string[] = [];
  constructor(stages: readonly Stage[] = STAGES) {
    super();
    for (const stage of stages) {
      this[stage] = (runner) => {
        this.calls.push(`${stage} ${runner.mode} ${runner.epoch} ${runner.iter} ${runner.innerIter}`);
      };
    }
  }
}

describe('priorities', () => {
  test('names in any case, numbers in range', () => {
    expect([getPriority('LOW'), getPriority('very_high'), getPriority(49), getPriority(true)]).toEqual([
      70, 10, 49, 1,
    ]);
    expect([priorityLabel(70), priorityLabel(49)]).toEqual(['LOW', '49']);
    expect(() => getPriority(101)).toThrow('between 0 and 100');
    expect(() => getPriority('urgent')).toThrow("a level's name");
  });

  test('lower runs first, equals in order of registration', () => {
    const { runner } = makeRunner(1);
    const named = (priority: unknown): Hook => {
      const hook = new Recorder([]);
      runner.registerHook(hook, priority);
      return hook;
    };
    const [a, b, c, d] = [named('LOW'), named('NORMAL'), named('NORMAL'), named(0)];
    expect(runner.hooks).toEqual([d, b, c, a]);
    expect(() => runner.registerHook(a)).toThrow('registered once');
  });
});

describe('EpochBasedRunner', () => {
  test('calls the stages with the counters MMCV has', async () => {
    const { runner } = makeRunner(1);
    const recorder = new Recorder();
    runner.registerHook(recorder);
    await runner.run(
      [loaderOf(2), loaderOf(1)],
      [
        ['train', 1],
        ['val', 1],
      ],
    );
    runner.logBuffer.clear();
    expect(recorder.calls).toEqual([
      'beforeRun train 0 0 0',
      'beforeTrainEpoch train 0 0 0',
      'beforeTrainIter train 0 0 0',
      'afterTrainIter train 0 0 0',
      'beforeTrainIter train 0 1 1',
      'afterTrainIter train 0 1 1',
      'afterTrainEpoch train 0 2 1',
      'beforeValEpoch val 1 2 1',
      'beforeValIter val 1 2 0',
      'afterValIter val 1 2 0',
      'afterValEpoch val 1 2 0',
      'afterRun val 1 2 0',
    ]);
  });

  test('a train step past max_epochs is left out, val is not', async () => {
    const { runner } = makeRunner(3);
    const recorder = new Recorder(['beforeTrainEpoch', 'beforeValEpoch']);
    runner.registerHook(recorder);
    await runner.run(
      [loaderOf(1), loaderOf(1)],
      [
        ['train', 2],
        ['val', 1],
      ],
    );
    runner.logBuffer.clear();
    expect(recorder.calls.map((c) => at(c.split(' '), 0).slice(6, 9))).toEqual([
      'Tra',
      'Tra',
      'Val',
      'Tra',
      'Val',
    ]);
  });

  test('stop ends inside the epoch, and the position resumes there', async () => {
    const control = new RunControl();
    const { runner, model } = makeRunner(2, control);
    const stopper = new Recorder([]);
    stopper.afterTrainIter = (r) => {
      if (r.iter === 3) control.stop();
    };
    runner.registerHook(stopper);
    await runner.run([loaderOf(3)], [['train', 1]]);
    expect([runner.end, runner.epoch, runner.iter, runner.doneInEpoch]).toEqual(['stopped', 1, 4, 1]);
    expect(model.batches).toEqual(['train', 0, 1, 2, 'train', 0]);
    runner.logBuffer.clear();

    const resumed = makeRunner(2);
    resumed.runner.restorePosition({ epoch: 1, iter: 4, innerIter: 1 });
    await resumed.runner.run([loaderOf(3)], [['train', 1]]);
    expect(resumed.model.batches).toEqual(['train', 1, 2]);
    expect([resumed.runner.epoch, resumed.runner.iter]).toEqual([2, 6]);
    resumed.runner.logBuffer.clear();
  });

  test('steps leave no tensors behind without an OptimizerHook and without a logger', async () => {
    const { runner, model } = makeRunner(1);
    const parameter = new Parameter([2]);
    const plainStep = model.trainStep.bind(model);
    model.trainStep = (batch) => ({
      ...plainStep(batch),
      grads: new Map([[parameter, tensor([1, 2], [2])]]),
    });
    const before = memory().numTensors;
    await runner.run([loaderOf(501)], [['train', 1]]);
    // 500 losses were read back at once; the last one waits.
    expect([memory().numTensors - before, runner.logBuffer.pendingSteps]).toEqual([1, 1]);
    runner.logBuffer.clear();
    expect(memory().numTensors).toBe(before);
  });

  test('pause holds the run until resume', async () => {
    const control = new RunControl();
    const { runner, model } = makeRunner(1, control);
    control.pause();
    const done = runner.run([loaderOf(2)], [['train', 1]]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(model.batches).toEqual(['train']);
    control.resume();
    await done;
    expect(model.batches).toEqual(['train', 0, 1]);
    runner.logBuffer.clear();
  });

  test('bad workflows are refused', async () => {
    const { runner } = makeRunner(1);
    await expect(runner.run([loaderOf(1)], [['val', 1]])).rejects.toThrow('must contain a train step');
    await expect(runner.run([loaderOf(1)], [['test', 1]])).rejects.toThrow("'train' or 'val'");
    await expect(runner.run([], [['train', 1]])).rejects.toThrow('one entry per data loader');
  });
});

test('getTriggeredStages expands generic stages', () => {
  class A extends Hook {
    override afterEpoch(): void {}
    override beforeTrainIter(): void {}
  }
  expect(new A().getTriggeredStages()).toEqual(['beforeTrainIter', 'afterTrainEpoch', 'afterValEpoch']);
});

test('LogBuffer averages the latest values, weighted, and reads the GPU once', async () => {
  const { runner } = makeRunner(1);
  const { logBuffer } = runner;
  logBuffer.updateLogVars({ names: ['loss_cls', 'loss'], values: tensor([1, 10], [2]) }, 1);
  logBuffer.updateLogVars({ names: ['loss_cls', 'loss'], values: tensor([2, 20], [2]) }, 3);
  logBuffer.update({ time: 0.5 });
  await logBuffer.resolve();
  logBuffer.average(2);
  expect([...logBuffer.output]).toEqual([
    ['loss_cls', 1.75],
    ['loss', 17.5],
    ['time', 0.5],
  ]);
  logBuffer.average(1);
  expect(logBuffer.output.get('loss')).toBe(20);
});
