import { describe, expect, test } from 'vitest';
import { tensor } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { FloatBuffer, Module, Parameter } from '../../nn/index.ts';
import { Adam, SGD, type Optimizer } from '../../optim/index.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { BaseRunner } from '../baseRunner.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from '../runnerTypes.ts';
import { fileSource, PyFloat, readPth } from '../../serialization/index.ts';
import type { FileSystem } from '../../contracts/fileSystem.ts';
import { resumeRun } from '../checkpoint.ts';
import { EpochBasedRunner } from '../epochBasedRunner.ts';
import { createLogger } from '../logger.ts';
import { CheckInvalidLossHook } from './checkInvalidLoss.ts';
import { CheckpointHook } from './checkpoint.ts';
import { ClosureHook } from './closure.ts';
import { EMAHook } from './ema.ts';
import { EvalHook } from './evaluation.ts';
import { makeContext } from './logger/testing/loggedRun.ts';
import { TextLoggerHook } from './logger/text.ts';
import { LrUpdaterHook } from './lrUpdater.ts';
import { MomentumUpdaterHook } from './momentumUpdater.ts';
import { OptimizerHook } from './optimizer.ts';
import { at, take } from '../../util/at.ts';

await testAdapter();

/** One weight; its gradient is the number of the batch. */
class OneWeight extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1]));
  loss = 1;
  trainStep(batch: never): StepOutputs {
    const grads = new Map([[this.weight, tensor([Number(batch)], [1])]]);
    return { logVars: { names: ['loss'], values: [this.loss] }, numSamples: 1, grads };
  }
  valStep(batch: never): StepOutputs {
    return this.trainStep(batch);
  }
}

const loader: BatchLoader = {
  length: 3,
  async *epoch(epoch, start = 0) {
    for (let i = start; i < 3; i++) yield 1 + i + 3 * epoch;
  },
};

function makeRunner(
  makeOptimizer: (params: Parameter[]) => Optimizer = (params) => new SGD({ params, lr: 0.1, momentum: 0.9 }),
  fs = createMemoryFs(),
): { runner: EpochBasedRunner; model: OneWeight; optimizer: Optimizer } {
  const model = new OneWeight();
  const optimizer = makeOptimizer(model.parameters());
  const logger = createLogger(fs, 'w/t.log', () => undefined);
  const runner = new EpochBasedRunner({
    model,
    optimizer,
    fs,
    workDir: 'w',
    logger,
    timestamp: 't',
    maxEpochs: 2,
  });
  runner.registerHook(new OptimizerHook(), 'ABOVE_NORMAL');
  return { runner, model, optimizer };
}

describe('MomentumUpdaterHook', () => {
  test("sets SGD's momentum, and the step uses it", async () => {
    const { runner, model, optimizer } = makeRunner();
    runner.registerHook(new MomentumUpdaterHook({ policy: 'step', step: [1], gamma: 0.5 }), 'HIGH');
    await runner.run([loader], [['train', 1]]);
    expect(optimizer.paramGroups[0]).toMatchObject({ momentum: 0.45, initial_momentum: 0.9 });
    // By hand: gradients 1 to 6, momentum 0.9 in the first epoch, 0.45 in the second.
    let weight = 0;
    let buffer = 0;
    for (let g = 1; g <= 6; g++) {
      buffer = (g <= 3 ? 0.9 : 0.45) * buffer + g;
      weight -= 0.1 * buffer;
    }
    expect((await model.weight.toTorch())[0]).toBeCloseTo(weight, 4);
    runner.logBuffer.clear();
  });

  test("sets Adam's first beta and keeps the second", async () => {
    const { runner, optimizer } = makeRunner((params) => new Adam({ params, lr: 0.1 }));
    const hook = new MomentumUpdaterHook({ policy: 'OneCycle' });
    runner.registerHook(hook, 'HIGH');
    const first: unknown[] = [];
    runner.registerHook(
      new ClosureHook({ fnName: 'before_train_iter', fn: (r) => void first.push(r.currentMomentum()[0]) }),
    );
    await runner.run([loader], [['train', 1]]);
    expect([first[0], at(optimizer.paramGroups, 0).betas?.[1], hook.hookName]).toEqual([
      0.95,
      0.999,
      'OneCycleMomentumUpdaterHook',
    ]);
    runner.logBuffer.clear();
  });
});

describe('what the schedules set, and when', () => {
  const STEP = { policy: 'step', step: [1], gamma: 0.5 };
  /** Learning rate and momentum in front of each step. */
  async function seen(
    lr: Record<string, unknown>,
    momentum: Record<string, unknown>,
    change: (group: { lr: number; momentum?: number }, runner: BaseRunner) => void,
    fnName = 'before_train_epoch',
  ): Promise<[number, number][]> {
    const { runner, optimizer } = makeRunner();
    const [group] = take(optimizer.paramGroups, 1);
    const values: [number, number][] = [];
    runner.registerHook(new LrUpdaterHook(lr), 'VERY_HIGH');
    runner.registerHook(new MomentumUpdaterHook(momentum), 'HIGH');
    runner.registerHook(new ClosureHook({ fnName, fn: (r) => change(group as { lr: number }, r) }));
    const note = (): void => void values.push([group.lr, Number(group.momentum)]);
    runner.registerHook(new ClosureHook({ fnName: 'before_train_iter', fn: note }), 'LOWEST');
    await runner.run([loader], [['train', 1]]);
    runner.logBuffer.clear();
    return values;
  }

  test('by epoch: a hook that changes them where an epoch begins is not undone', async () => {
    const values = await seen(STEP, STEP, (group) => Object.assign(group, { lr: 7, momentum: 0.3 }));
    expect(values).toEqual(Array.from({ length: 6 }, () => [7, 0.3]));
  });

  test('by epoch with a warm-up: set in each of its iterations and where it ends', async () => {
    const warmup = { warmup: 'constant', warmup_iters: 1, warmup_ratio: 0.5 };
    const values = await seen({ ...STEP, ...warmup }, STEP, (group) => (group.lr = 7));
    expect(values.map(([lr]) => lr)).toEqual([0.05, 0.1, 0.1, 7, 7, 7]);
  });

  test('by epoch with a warm-up: an epoch begins with the regular values', async () => {
    const warmup = { warmup: 'constant', warmup_iters: 9, warmup_ratio: 0.5 };
    const starts: number[] = [];
    await seen({ ...STEP, ...warmup }, STEP, ({ lr }) => void starts.push(lr));
    expect(starts).toEqual([0.1, 0.05]);
  });

  test('by iteration: set in front of each, and not where an epoch begins', async () => {
    const byIter = { ...STEP, step: [2], by_epoch: false };
    const starts: number[] = [];
    const values = await seen(byIter, byIter, ({ lr }) => void starts.push(lr));
    expect(values.map(([lr]) => lr)).toEqual([0.1, 0.1, 0.05, 0.05, 0.05, 0.05]);
    expect(starts).toEqual([0.1, 0.05]);
  });

  test("initial_lr is there, and OneCycle's two momenta are numbers, whatever sets them", () => {
    const { runner, optimizer } = makeRunner();
    Object.assign(runner, { maxEpochs: undefined, maxIters: 6, itersPerEpoch: 3 });
    // By epoch where there are no epochs: the hook sets nothing.
    new LrUpdaterHook(STEP).beforeRun(runner);
    const dicts = { base_momentum: { SGD: [0.85] }, max_momentum: { SGD: [0.9] } };
    new MomentumUpdaterHook({ policy: 'OneCycle', ...dicts }).beforeRun(runner);
    const [group] = optimizer.paramGroups;
    expect(group).toMatchObject({ initial_lr: 0.1, base_momentum: 0.85, max_momentum: 0.9 });
  });
});

test('an own policy by epoch is asked once an epoch, also when the run is resumed inside it', () => {
  class ByIter extends LrUpdaterHook {
    override getLr({ iter }: BaseRunner, baseLr: number): number {
      return baseLr / (1 + iter);
    }
  }
  const start = (lr?: number): { hook: ByIter; lrAt: (epoch: number, iter: number) => number } => {
    const { runner, optimizer } = makeRunner();
    let isResumed = lr !== undefined;
    // As the optimizer's state in a checkpoint gives them back.
    if (lr !== undefined) Object.assign(at(optimizer.paramGroups, 0), { lr, initial_lr: 0.1 });
    Object.assign(runner, { maxIters: 6, itersPerEpoch: 3 });
    const hook = new ByIter();
    hook.beforeRun(runner);
    const lrAt = (epoch: number, iter: number): number => {
      Object.assign(runner, { epoch, iter, doneInEpoch: iter % 3 });
      if (runner.doneInEpoch === 0 || isResumed) hook.beforeTrainEpoch(runner);
      isResumed = false;
      hook.beforeTrainIter(runner);
      return at(optimizer.paramGroups, 0).lr;
    };
    return { hook, lrAt };
  };
  const straight = start();
  expect([0, 1, 2, 3, 4].map((iter) => straight.lrAt(Math.floor(iter / 3), iter))).toEqual([
    0.1, 0.1, 0.1, 0.025, 0.025,
  ]);
  const resumed = start(0.025);
  resumed.hook.loadStateDict(straight.hook.stateDict() ?? {});
  expect([resumed.lrAt(1, 5), resumed.lrAt(2, 6)]).toEqual([0.025, 0.1 / 7]);
});

describe('EMAHook', () => {
  async function finish(runner: BaseRunner, model: OneWeight): Promise<[number, number]> {
    await runner.run([loader], [['train', 1]]);
    runner.logBuffer.clear();
    const average = model.ownBuffers().get('ema_weight');
    if (!(average instanceof FloatBuffer)) throw new Error('no buffer');
    return [at(await model.weight.toTorch(), 0), at(await average.toTorch(), 0)];
  }
  const withEma = (fs = createMemoryFs()): ReturnType<typeof makeRunner> => {
    const made = makeRunner(undefined, fs);
    made.runner.registerHook(new EMAHook({ momentum: 0.3, warmUp: 1 }), 49);
    made.runner.registerHook(new CheckpointHook({ interval: 1, byEpoch: true }));
    return made;
  };

  test('at the end the average is in the weight, and the weight in the buffer', async () => {
    const { runner, model } = withEma();
    let weight = 0;
    let buffer = 0;
    let average = 0;
    for (let g = 1; g <= 6; g++) {
      buffer = 0.9 * buffer + g;
      weight -= 0.1 * buffer;
      average = 0.7 * average + 0.3 * weight;
    }
    const [inWeight, inBuffer] = await finish(runner, model);
    expect(inWeight).toBeCloseTo(average, 4);
    expect(inBuffer).toBeCloseTo(weight, 4);
  });

  test('law: resumed at the end of an epoch, the same bits', async () => {
    const fs = createMemoryFs();
    const straight = withEma(fs);
    const wanted = await finish(straight.runner, straight.model);
    const resumed = withEma(fs);
    await resumeRun(resumed.runner, resumed.model, 'w/epoch_1.pth');
    expect(await finish(resumed.runner, resumed.model)).toEqual(wanted);
  });
});

describe('CheckInvalidLossHook', () => {
  /** Losses stay on the GPU, as a detector's do. */
  const makeLossRunner = (loss: (iter: number) => number): BaseRunner => {
    const { runner, model } = makeRunner();
    const plainStep = model.trainStep.bind(model);
    model.trainStep = (batch) => {
      const { grads } = plainStep(batch);
      const values = tensor([7, loss(runner.iter + 1)], [2]);
      return { logVars: { names: ['acc', 'loss'], values }, numSamples: 1, grads };
    };
    return runner;
  };
  const evaluator = {
    length: 1,
    evaluate: () => Promise.resolve({ metrics: { mAP: 0.5 }, perClass: [], predictions: [] }),
  };
  const around: [string, (runner: BaseRunner) => void][] = [
    ['alone', () => undefined],
    [
      'behind a logger that has just read the losses',
      (runner) => runner.registerHook(new TextLoggerHook({ interval: 1 }), 'HIGH'),
    ],
    [
      'behind an evaluation by iteration, which clears the log',
      (runner) => runner.registerHook(new EvalHook(evaluator, { byEpoch: false }, {}), 'HIGH'),
    ],
  ];

  test.each(around)('ends the run at its interval: %s', async (_, surround) => {
    const runner = makeLossRunner((iter) => (iter >= 3 ? NaN : iter));
    surround(runner);
    runner.registerHook(new CheckInvalidLossHook({ interval: 2 }), 'LOW');
    await expect(runner.run([loader], [['train', 1]])).rejects.toThrow(
      'losses must be finite, but in iteration 4 acc is 7, loss is NaN',
    );
    expect(runner.iter).toBe(3);
    runner.logBuffer.clear();
  });

  test('reads back more steps than wait on the GPU at most', async () => {
    const runner = makeLossRunner(() => 1);
    runner.registerHook(new CheckInvalidLossHook({ interval: 500 }));
    const long: BatchLoader = {
      length: 501,
      async *epoch() {
        for (let i = 0; i < 501; i++) yield 0;
      },
    };
    await runner.run([long], [['train', 1]]);
    expect(runner.iter).toBe(1002);
    runner.logBuffer.clear();
  });

  test('losses that a hook threw away unread are not looked at', async () => {
    const runner = makeLossRunner(() => NaN);
    runner.registerHook(
      new ClosureHook({ fnName: 'after_train_iter', fn: (r) => r.logBuffer.clear() }),
      'HIGH',
    );
    runner.registerHook(new CheckInvalidLossHook({ interval: 1 }));
    await runner.run([loader], [['train', 1]]);
    expect(runner.iter).toBe(6);
  });
});

test('latest.pth points to the newest checkpoint; without links, last_checkpoint names it', async () => {
  const memory = createMemoryFs();
  const { runner } = makeRunner(undefined, memory);
  runner.registerHook(new CheckpointHook({ interval: 1 }));
  await runner.run([loader], [['train', 1]]);
  expect(await memory.readLink?.('w/latest.pth')).toBe('epoch_2.pth');
  runner.logBuffer.clear();

  const linkless = Object.assign(createMemoryFs(), { link: undefined });
  const other = makeRunner(undefined, linkless);
  other.runner.registerHook(new CheckpointHook({ interval: 1 }));
  await other.runner.run([loader], [['train', 1]]);
  expect(await linkless.readText('w/last_checkpoint')).toBe('w/epoch_2.pth\n');
  other.runner.logBuffer.clear();
});

test('filename_tmpl takes the formats of Python; what it refuses is told at its place in the config', async () => {
  const fs = createMemoryFs();
  const { runner } = makeRunner(undefined, fs);
  runner.registerHook(new CheckpointHook({ interval: 1, maxKeepCkpts: 1, filenameTmpl: 'epoch_{:03d}.pth' }));
  await runner.run([loader], [['train', 1]]);
  runner.logBuffer.clear();
  const names = (await fs.list('w')).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith('epoch'))).toEqual(['epoch_002.pth']);
  expect(runner.meta.hook_msgs?.last_ckpt).toBe('w/epoch_002.pth');

  const cfg = { type: 'CheckpointHook', filename_tmpl: 'epoch_{epoch}.pth' };
  expect(() => makeContext().build('HOOKS', cfg, 'checkpoint_config')).toThrow(
    expect.objectContaining({
      path: 'checkpoint_config.filename_tmpl',
      code: 'bad-value',
      message: expect.stringContaining("but got 'epoch_{epoch}.pth'") as string,
    }),
  );
});

/** The first parameter group of the last checkpoint, floats told from ints. */
async function savedGroup(fs: FileSystem): Promise<Record<string, unknown>> {
  const { bytes = 0 } = (await fs.stat('w/epoch_2.pth')) as { bytes?: number };
  const root = await readPth(fileSource(fs, 'w/epoch_2.pth', bytes), { keepFloats: true });
  const { optimizer } = Object.fromEntries(root as Map<string, Map<string, Map<string, unknown>[]>>);
  return Object.fromEntries(optimizer?.get('param_groups')?.[0] ?? []);
}

test('whole numbers that are floats in Python are saved as floats', async () => {
  const fs = createMemoryFs();
  const make = (params: Parameter[]): Optimizer =>
    new Adam({ params, lr: 1, betas: [0, 0.999], weightDecay: 2, eps: 1 });
  const { runner, optimizer } = makeRunner(make, fs);
  at(optimizer.paramGroups, 0).steps = 3;
  runner.registerHook(new CheckpointHook({ interval: 2 }));
  await runner.run([loader], [['train', 1]]);
  runner.logBuffer.clear();
  expect(await savedGroup(fs)).toMatchObject({
    lr: new PyFloat(1),
    betas: [new PyFloat(0), 0.999],
    weight_decay: new PyFloat(2),
    eps: new PyFloat(1),
    amsgrad: false,
    steps: 3,
  });
  const again = makeRunner(make, fs);
  await resumeRun(again.runner, again.model, 'w/epoch_2.pth');
  expect(again.optimizer.paramGroups[0]).toMatchObject({
    lr: 1,
    betas: [0, 0.999],
    weight_decay: 2,
    steps: 3,
  });
  const sgd = makeRunner(undefined, fs);
  sgd.runner.registerHook(new CheckpointHook({ interval: 2 }));
  await sgd.runner.run([loader], [['train', 1]]);
  sgd.runner.logBuffer.clear();
  // PyTorch's defaults are ints here.
  expect(await savedGroup(fs)).toMatchObject({ dampening: 0, weight_decay: 0 });
});

test('resuming with another optimizer is refused, with the file', async () => {
  const fs = createMemoryFs();
  const { runner } = makeRunner((params) => new Adam({ params }), fs);
  runner.registerHook(new CheckpointHook({ interval: 1 }));
  await runner.run([loader], [['train', 1]]);
  runner.logBuffer.clear();
  const other = makeRunner(undefined, fs);
  await expect(resumeRun(other.runner, other.model, 'w/epoch_1.pth')).rejects.toMatchObject({
    code: 'optimizer-mismatch',
    path: 'w/epoch_1.pth',
    message: expect.stringContaining('SGD must find momentum, dampening'),
  });
});
