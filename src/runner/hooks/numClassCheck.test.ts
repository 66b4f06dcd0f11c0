import { expect, test } from 'vitest';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import { EpochBasedRunner } from '../epochBasedRunner.ts';
import { createLogger } from '../logger.ts';
import { NumClassCheckHook } from './numClassCheck.ts';

class Head {
  readonly numClasses = 1;
}
class RPNHead extends Head {}
class OwnRPNHead extends RPNHead {}

/** Check heads of one class before an epoch of a mode. */
function check(
  module: object,
  mode: 'train' | 'val',
  CLASSES: readonly string[] | null | undefined,
): string[] {
  const fs = createMemoryFs();
  const warnings: string[] = [];
  const logger = {
    ...createLogger(fs, 'w/t.log', () => undefined),
    warning: (m: string) => warnings.push(m),
  };
  const unused = (): never => {
    throw new Error('not used');
  };
  const model = {
    CLASSES: ['a'],
    train: unused,
    eval: unused,
    trainStep: unused,
    valStep: unused,
    namedModules: () => [['bbox_head', module]],
  };
  const runner = new EpochBasedRunner({ model, optimizer: null, fs, workDir: 'w', logger, timestamp: 't' });
  runner.mode = mode;
  const dataset = CLASSES === undefined ? undefined : { CLASSES };
  runner.dataLoader = { length: 1, dataset, epoch: unused };
  const hook = new NumClassCheckHook();
  if (mode === 'train') hook.beforeTrainEpoch(runner);
  else hook.beforeValEpoch(runner);
  return warnings;
}

test("the classes are those of the epoch's dataset", () => {
  expect(check(new Head(), 'train', ['a'])).toEqual([]);
  expect(() => check(new Head(), 'val', ['a', 'b'])).toThrow(
    'num_classes (1) of Head must equal the 2 classes of the dataset (a, b)',
  );
  expect(check(new Head(), 'val', null)).toHaveLength(1);
  // A loader that doesn't tell its dataset: the model has the training set's.
  expect(check(new Head(), 'train', undefined)).toEqual([]);
});

test('heads whose num_classes means something else are left out, and classes that extend them', () => {
  for (const head of [new RPNHead(), new OwnRPNHead(), { className: 'VGG', numClasses: 7 }])
    expect(check(head, 'train', ['a', 'b'])).toEqual([]);
  expect(check({ baseNames: ['GARPNHead'], numClasses: 7 }, 'train', ['a', 'b'])).toEqual([]);
});
