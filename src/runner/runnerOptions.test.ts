import { expect, test } from 'vitest';
import { RUNNERS } from '../registry/registries.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { RunnerOptions } from './runnerTypes.ts';
import { buildRunner } from './buildRunner.ts';
import { EpochBasedRunner } from './epochBasedRunner.ts';
import { createLogger } from './logger.ts';

const fs = createMemoryFs();
const unused = (): never => {
  throw new Error('not used');
};
const good: RunnerOptions = {
  model: { train: unused, eval: unused, trainStep: unused, valStep: unused },
  optimizer: null,
  fs,
  workDir: 'w',
  timestamp: 't',
  logger: createLogger(fs, 'w/t.log', () => undefined),
};

test('a good runner is made', () => {
  expect(new EpochBasedRunner({ ...good, meta: {}, maxEpochs: 1 }).maxEpochs).toBe(1);
});

test.each<[Record<string, unknown>, string, string]>([
  [{ logger: null }, 'bad-type', 'logger must be a Logger, but got None'],
  [{ optimizer: 'SGD' }, 'bad-type', "optimizer must be an Optimizer or None, but got 'SGD'"],
  [{ optimizer: { g: 'SGD' } }, 'bad-type', 'optimizer["g"] must be an Optimizer, but got \'SGD\''],
  [{ optimizer: { g: { step: unused } } }, 'bad-type', 'a runner takes one optimizer, but got 1 by name'],
  [{ meta: [] }, 'bad-type', 'meta must be a dict, but got []'],
  [{ workDir: 3 }, 'bad-type', 'work_dir must be a string, but got 3'],
  [{ model: {} }, 'no-train-step', 'the model must have a method trainStep, but has none'],
  [{ batchProcessor: 3 }, 'bad-type', 'batch_processor must be a function, but got 3'],
  [{ batchProcessor: unused }, 'batch-processor', 'batch_processor must not be given, but it is'],
  [{ maxEpochs: 1, maxIters: 1 }, 'bad-runner', 'only one of max_epochs and max_iters can be set'],
])('%o is refused as %s', (options, code, message) => {
  expect(() => new EpochBasedRunner({ ...good, ...options })).toThrow(
    expect.objectContaining({ code, path: 'runner', message: expect.stringContaining(message) }),
  );
});

test('a runner is built from a class, and not from a number', () => {
  expect(buildRunner({ type: EpochBasedRunner, max_epochs: 2 }, RUNNERS, good).maxEpochs).toBe(2);
  expect(() => buildRunner({ type: 3 }, RUNNERS, good)).toThrow(
    expect.objectContaining({ code: 'bad-type', message: 'runner.type must be a string, but got 3' }),
  );
});
