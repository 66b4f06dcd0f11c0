import { expect, test } from 'vitest';
import { suite } from './config.ts';

const statusOf = async (testCase: Record<string, unknown>): Promise<string> => {
  const [result] = await suite.run({ cases: [{ id: 'x', ...testCase }] }, 'config.json', '.');
  return result?.outcome.status ?? 'no outcome';
};
const files = { 'main.py': 'a = (1, 2.0)\nb = 1\n' };
const config = { kind: 'config', root: '/r', files, main: 'main.py' };

test('a case passes only with the right values, tuples told from lists', async () => {
  expect(await statusOf({ ...config, out: { a: { __tuple__: [1, 2] }, b: 1 } })).toBe('passed');
  expect(await statusOf({ ...config, out: { a: [1, 2], b: 1 } })).toBe('failed');
  expect(await statusOf({ ...config, out: { a: { __tuple__: [1, 2] }, b: 1 }, key_order: ['b', 'a'] })).toBe(
    'failed',
  );
});

test('an error case passes only with the right kind of error', async () => {
  const broken = { ...config, files: { 'main.py': 'a = 1 / 0\n' } };
  const error = (type: string): Record<string, unknown> => ({ error: { type, observed_message: '' } });
  expect(await statusOf({ ...broken, ...error('ZeroDivisionError') })).toBe('passed');
  expect(await statusOf({ ...broken, ...error('KeyError') })).toBe('failed');
  expect(await statusOf({ ...config, ...error('KeyError') })).toBe('failed');
});

test('an unknown kind fails', async () => {
  expect(await statusOf({ kind: 'something_new' })).toBe('failed');
});

test('what MMCV looks up in a config is found in the plain data', async () => {
  const out = { a: { __tuple__: [1, 2] }, b: 1 };
  const access = { 'cfg.b': 1, "cfg['a'][1]": 2, 'cfg.get("c", 3)': 3, 'cfg.c': { error: 'AttributeError' } };
  expect(await statusOf({ ...config, out, access })).toBe('passed');
  expect(await statusOf({ ...config, out, access: { 'cfg.b': 2 } })).toBe('failed');
});
