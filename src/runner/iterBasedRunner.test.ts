import { describe, expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { BatchLoader, RunnableModel, StepOutputs, Workflow } from './runnerTypes.ts';
import { buildRunner } from './buildRunner.ts';
import { Hook } from './hooks/hook.ts';
import './index.ts';
import { RUNNERS } from '../registry/registries.ts';
import { IterBasedRunner } from './iterBasedRunner.ts';
import { createLogger } from './logger.ts';

await testAdapter();

/** Batches are named by their loader, epoch and number. */
function loaderOf(name: string, length: number): BatchLoader {
  return {
    length,
    async *epoch(epoch, start = 0) {
      for (let i = start; i < length; i++) yield `${name}${epoch}.${i}`;
    },
  };
}

class NotingModel implements RunnableModel {
  readonly batches: string[] = [];
  train(): void {
    // Nothing depends on the mode.
  }
  eval(): void {
    // Nothing depends on the mode.
  }
  trainStep(batch: never): StepOutputs {
    this.batches.push(String(batch));
    return { logVars: { names: ['loss'], values: [1] }, numSamples: 1 };
  }
  valStep(batch: never): StepOutputs {
    return this.trainStep(batch);
  }
}

const FLOW: Workflow = [
  ['train', 2],
  ['val', 1],
];

async function batchesOf(maxIters: number, doneIters = 0, hook?: Hook): Promise<string[]> {
  const fs = createMemoryFs();
  const model = new NotingModel();
  const logger = createLogger(fs, 'w/t.log', () => undefined);
  const runner = new IterBasedRunner({
    model,
    optimizer: null,
    fs,
    workDir: 'w',
    logger,
    timestamp: 't',
    maxIters,
  });
  if (hook) runner.registerHook(hook);
  if (doneIters > 0) runner.restorePosition({ epoch: 0, iter: doneIters, innerIter: 0 });
  await runner.run([loaderOf('t', 3), loaderOf('v', 2)], FLOW);
  return model.batches;
}

describe('IterBasedRunner', () => {
  test('goes round the workflow, and the loaders begin anew', async () => {
    expect(await batchesOf(5)).toEqual(['t0.0', 't0.1', 'v0.0', 't0.2', 't1.0', 'v0.1', 't1.1', 'v1.0']);
  });

  test('law: a run resumed after any iteration trains on what is left of the straight run', async () => {
    const straight = await batchesOf(8);
    for (let done = 1; done < 8; done++) {
      const rest = await batchesOf(8, done);
      // A val step that was still to come when the checkpoint was written is part of the rest.
      expect(rest).toEqual(straight.slice(straight.length - rest.length));
      expect(rest.filter((batch) => batch.startsWith('t'))).toHaveLength(8 - done);
    }
  });

  test('calls beforeEpoch and afterEpoch once, the specific epoch stages never', async () => {
    const calls: string[] = [];
    class Noting extends Hook {
      override beforeEpoch(): void {
        calls.push('beforeEpoch');
      }
      override afterEpoch(): void {
        calls.push('afterEpoch');
      }
      override beforeTrainEpoch(): void {
        calls.push('beforeTrainEpoch');
      }
    }
    await batchesOf(5, 0, new Noting());
    expect(calls).toEqual(['beforeEpoch', 'afterEpoch']);
  });

  test('an empty loader is an error, not an endless loop', async () => {
    const fs = createMemoryFs();
    const logger = createLogger(fs, 'w/t.log', () => undefined);
    const options = { model: new NotingModel(), optimizer: null, fs, workDir: 'w', logger, timestamp: 't' };
    const runner = buildRunner({ type: 'IterBasedRunner', max_iters: 1 }, RUNNERS, options);
    await expect(runner.run([loaderOf('t', 0)], [['train', 1]])).rejects.toThrow('at least one batch');
  });
});
