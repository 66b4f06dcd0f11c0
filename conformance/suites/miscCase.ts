// What the cases of runtime_misc.json share: their shape, how errors are judged, and what a runner of theirs is made of.

import type { RunnerOptions } from '../../src/runner/runnerTypes.ts';
import { createLogger } from '../../src/runner/logger.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { diffNumbers } from './compare.ts';
import { judgeThrown, notRaised, type ExceptionCodes } from './raised.ts';
import { passed, type FixtureCase, type ParityOutcome } from './types.ts';

export interface MiscCase extends FixtureCase {
  readonly description?: string;
  readonly cfg?: unknown;
  readonly out?: unknown;
  readonly error?: { readonly type: string; readonly observed_message?: string };
}

/** What a Python exception is with us. */
export const MISC_CODES: ExceptionCodes = {
  AssertionError: [
    'bad-replacement',
    'bad-runner',
    'bad-type',
    'bad-value',
    'bad-workflow',
    'conflicting-settings',
    'duplicate-scope',
    'invalid-loss',
    'no-train-step',
    'num-classes-mismatch',
  ],
  AttributeError: ['conflicting-settings', 'missing-data', 'missing-runner', 'not-a-dict', 'unknown-scope'],
  KeyError: ['duplicate-type', 'missing-key', 'missing-type', 'unknown-type'],
  RuntimeError: ['batch-processor', 'nonfinite-gradient'],
  TypeError: [
    'bad-force',
    'bad-module',
    'bad-name',
    'bad-type',
    'bad-value',
    'missing-argument',
    'missing-key',
    'not-a-dict',
    'unknown-argument',
  ],
  ValueError: ['bad-runner', 'bad-value'],
};

/** Compare what `make` gives with `out`; where the case has an error, it must throw that. */
export async function orError(
  one: MiscCase,
  make: () => unknown,
  codes: ExceptionCodes = MISC_CODES,
): Promise<ParityOutcome> {
  let got: unknown;
  try {
    got = await make();
  } catch (error) {
    return judgeThrown(error, one, codes);
  }
  if (one.error) return notRaised(one);
  return diffNumbers('out', got, one.out, 0) ?? passed;
}

/** A runner's options with nothing wrong in them; its model is never run. */
export function runnerOptions(): Omit<RunnerOptions, 'maxEpochs' | 'maxIters'> {
  const fs = createMemoryFs();
  const none = (): never => {
    throw new Error('not used');
  };
  return {
    model: { train: none, eval: none, trainStep: none, valStep: none },
    optimizer: null,
    fs,
    workDir: 'w',
    timestamp: 't',
    logger: createLogger(fs, 'w/t.log', () => undefined),
  };
}
