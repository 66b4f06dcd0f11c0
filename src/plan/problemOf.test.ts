import { expect, test } from 'vitest';
import type { Problem } from '../contracts/problem.ts';
import { sortProblems } from './problemOf.ts';

const problem = (code: string, path: string, message: string, more: Partial<Problem> = {}): Problem => ({
  severity: 'error',
  code,
  path,
  message,
  ...more,
});
const told = (...problems: Problem[]): string[] => sortProblems(problems).map(({ message }) => message);

test('what a builder says in its own words of a value that was found wrong is left out', () => {
  expect(
    told(
      problem('bad-value', 'data.train_dataloader.samples_per_gpu', 'found'),
      problem('bad-type', 'data.samples_per_gpu', 'built'),
      problem('bad-value', 'seed', 'another'),
    ),
  ).toEqual(['found', 'another']);
});

test('a slip is told once: as an error where it is one, and what it means is not missing besides', () => {
  const slip = { hint: "did you mean 'policy'?" };
  expect(
    told(
      problem('unread-key', 'evaluation.interva', 'warned', { severity: 'warning' }),
      problem('unknown-argument', 'evaluation.interva', 'refused'),
      problem('unknown-argument', 'lr_config.polcy', 'slip', slip),
      problem('missing-policy', 'lr_config', 'missing'),
      problem('missing-argument', 'momentum_config', 'step', { hint: 'write step=…' }),
      problem('missing-argument', 'momentum_config', 'step again', {
        hint: 'write step=… inside momentum_config',
      }),
      problem('missing-argument', 'momentum_config', 'gamma', { hint: 'write gamma=…' }),
    ),
  ).toEqual(['refused', 'slip', 'step', 'gamma']);
});
