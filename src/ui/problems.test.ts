import { expect, test } from 'vitest';
import type { Problem } from '../contracts/problem.ts';
import { spanAt } from '../errors/span.ts';
import type { ErrorReport } from '../errors/trainerError.ts';
import { countText, listProblems, replaceName, suggestedName } from './problems.ts';

const TEXT = 'lr = 1\nwarmup = 2\n';
const error: Problem = { severity: 'error', code: 'a', message: 'wrong', span: spanAt('c.py', TEXT, 0, 2) };
const warning: Problem = { severity: 'warning', code: 'b', message: 'idle', path: 'warmup' };
const report: ErrorReport = { ...error, name: 'ConfigError', isInputError: true };
const messages = (problems: readonly Problem[]): string[] => problems.map(({ message }) => message);

test('list: errors come before warnings, whatever found them', () => {
  const type = {
    severity: 'error',
    code: 'TS1',
    message: 'no type',
    span: spanAt('m.ts', TEXT, 0, 2),
  } as const;
  const list = listProblems({ planned: [warning], types: [type], failure: null });
  expect(messages(list)).toEqual(['no type', 'idle']);
  expect(list.map(({ stopsTrain }) => stopsTrain)).toEqual([true, false]);
});

test('list: errors of a file stand in the order of its text', () => {
  const later: Problem = { ...error, message: 'later', span: spanAt('c.py', TEXT, 7, 13) };
  expect(messages(listProblems({ planned: [later, error], types: [], failure: null }))).toEqual([
    'wrong',
    'later',
  ]);
});

test('list: what a run failed of is said once, and lets Train be tried again', () => {
  expect(messages(listProblems({ planned: [error], types: [], failure: report }))).toEqual(['wrong']);
  const [only] = listProblems({ planned: [], types: [], failure: report });
  expect(only).toMatchObject({ message: 'wrong', severity: 'error', stopsTrain: false });
});

test('list: a failure without a place is no entry', () => {
  const failure = { ...report, span: undefined };
  expect(listProblems({ planned: [], types: [], failure })).toEqual([]);
});

test("list: TypeScript's word about a line that the plan has told is left out", () => {
  const planned: Problem[] = [{ ...error, span: spanAt('m.ts', TEXT, 0, 2) }];
  const at = (from: number, message: string) =>
    ({ severity: 'warning', code: 'TS2307', message, span: spanAt('m.ts', TEXT, from, from + 1) }) as const;
  const types = [at(5, 'same line'), at(8, 'next line')];
  expect(messages(listProblems({ planned, types, failure: null }))).toEqual(['wrong', 'next line']);
});

test('count: both kinds, one kind, none', () => {
  expect(countText([error, error, warning])).toBe('2 errors, 1 warning');
  expect(countText([warning])).toBe('1 warning');
  expect(countText([])).toBe('No problems');
});

test('suggestion: the name in the hint, with or without quotes', () => {
  expect(suggestedName("it is no key; did you mean 'lr'?")).toBe('lr');
  expect(suggestedName('did you mean warmup_iters?')).toBe('warmup_iters');
  expect(suggestedName('it takes: lr, momentum')).toBeNull();
});

test('replacement: quotes are kept, and only a name is replaced', () => {
  expect(replaceName('lrr', 'lr')).toBe('lr');
  expect(replaceName("'SDG'", 'SGD')).toBe("'SGD'");
  expect(replaceName('"SDG"', 'SGD')).toBe('"SGD"');
  expect(replaceName("dict(type='SDG')", 'SGD')).toBeNull();
  expect(replaceName("'a' + 'b'", 'SGD')).toBeNull();
});
