// Going on from a checkpoint of another program: what MMCV's two runners take of it.

import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Module, Parameter } from '../nn/index.ts';
import { encodePth, PyObjectStub, TorchTensor, type PthValue } from '../serialization/pth/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { BaseRunner } from './baseRunner.ts';
import type { RunnableModel, RunnerOptions, StepOutputs } from './runnerTypes.ts';
import { readCheckpoint, resumeRun, saveCheckpoint } from './checkpoint.ts';
import { EpochBasedRunner } from './epochBasedRunner.ts';
import { IterBasedRunner } from './iterBasedRunner.ts';
import { createLogger } from './logger.ts';

await testAdapter();

class OneWeight extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1]));
  trainStep(): StepOutputs {
    throw new Error('not used');
  }
  valStep(): StepOutputs {
    throw new Error('not used');
  }
}

interface Resumed {
  readonly runner: BaseRunner;
  readonly lines: string[];
  /** The meta of a checkpoint that the resumed run writes. */
  savedMeta(): Promise<Record<string, unknown>>;
}

async function resume(
  make: (options: RunnerOptions) => BaseRunner,
  meta: Readonly<Record<string, PthValue>>,
): Promise<Resumed> {
  const weight = new TorchTensor({ shape: [1], dtype: 'float32', data: Float32Array.of(2) });
  const bytes = await encodePth({ meta: { epoch: 3, iter: 30, ...meta }, state_dict: { weight } });
  const fs = createMemoryFs({ 'a/epoch_3.pth': bytes });
  const lines: string[] = [];
  const logger = createLogger(fs, 'w/t.log', (event) => {
    if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - \w+ - /s, ''));
  });
  const model = new OneWeight();
  const runner = make({
    model,
    optimizer: null,
    fs,
    workDir: 'w',
    logger,
    timestamp: 't',
    meta: { exp_name: 'new.py', seed: 1, tabtrain: { seed: 1 } },
  });
  await resumeRun(runner, model, 'a/epoch_3.pth');
  const savedMeta = async (): Promise<Record<string, unknown>> => {
    const position = runner.position();
    const options = {
      filename: 'x.pth',
      outDir: 'w',
      saveOptimizer: false,
      meta: { own: 'hook', more: 1 },
      position,
    };
    await saveCheckpoint(runner, model, options);
    return Object.fromEntries((await readCheckpoint(fs, 'w/x.pth')).meta) as Record<string, unknown>;
  };
  return { runner, lines, savedMeta };
}

const byEpoch = (options: RunnerOptions): BaseRunner => new EpochBasedRunner({ ...options, maxEpochs: 9 });
const byIter = (options: RunnerOptions): BaseRunner => new IterBasedRunner({ ...options, maxIters: 90 });
const META = {
  exp_name: 'old.py',
  own: 'file',
  hook_msgs: { best_score: 0.5 },
  config: 'gpu_ids = range(0, 8)',
};

test('EpochBasedRunner takes the whole meta, and its iterations become those of one GPU', async () => {
  const { runner, lines, savedMeta } = await resume(byEpoch, META);
  expect([runner.epoch, runner.iter]).toEqual([3, 240]);
  expect(lines).toEqual([
    'the iteration number is changed due to change of GPU number',
    'resumed epoch 3, iter 240',
  ]);
  const saved = await savedMeta();
  // What was resumed wins over the hook's meta; the new run's exp_name and seed are gone, as in MMCV.
  expect(saved).toMatchObject({
    exp_name: 'old.py',
    own: 'file',
    more: 1,
    epoch: 4,
    iter: 240,
    config: META.config,
  });
  expect(saved.seed).toBeUndefined();
  expect(runner.meta).toMatchObject({ hook_msgs: { best_score: 0.5 }, tabtrain: { seed: 1 } });
});

test('one GPU then and now, or a config that tells none: the iterations stay', async () => {
  for (const config of ['gpu_ids = [0]', 'gpu_ids = range(0, 1)', 'gpu_ids = (', 'x = 1', 7]) {
    const { runner, lines } = await resume(byEpoch, { ...META, config });
    expect(runner.iter).toBe(30);
    expect(lines).toEqual(['resumed epoch 3, iter 30']);
  }
});

test("our own checkpoints know where they are, whatever the config's gpu_ids", async () => {
  const tabtrain = { position: { epoch: 3, iter: 31, inner_iter: 1 } };
  const { runner } = await resume(byEpoch, { ...META, tabtrain });
  expect(runner.iter).toBe(31);
});

test('IterBasedRunner keeps its own meta and the iterations', async () => {
  const { runner, lines, savedMeta } = await resume(byIter, META);
  expect([runner.epoch, runner.iter]).toEqual([3, 30]);
  expect(lines).toEqual(['resumed from epoch: 3, iter 30']);
  const saved = await savedMeta();
  expect(saved).toMatchObject({ exp_name: 'new.py', seed: 1, own: 'hook' });
  expect(runner.meta.hook_msgs).toEqual({ best_score: 0.5 });
});

test('a value that no checkpoint of ours can hold is left out, and named', async () => {
  const stub = new PyObjectStub('torch.float32', 'dtype');
  const { lines, savedMeta } = await resume(byEpoch, {
    ...META,
    config: '',
    own: [stub],
    seen: [1, 'a', null],
  });
  expect(lines[0]).toMatch(/^the checkpoint's meta has values that are no plain data, .*: own$/);
  expect(await savedMeta()).toMatchObject({ own: 'hook', seen: [1, 'a', null] });
});
