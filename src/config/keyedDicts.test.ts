import { expect, test } from 'vitest';
import { evaluateText } from '../lang/evaluate.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { loadConfig } from './config.ts';
import { replaceCfgVals } from './replaceCfgVals.ts';

async function resolve(base: string, main: string): Promise<string> {
  const files: Record<string, string> = { 'base.py': base, 'main.py': `_base_ = 'base.py'\n${main}` };
  const { config, diagnostics } = await loadConfig('main.py', (path) => Promise.resolve(files[path] ?? null));
  return config ? plainRepr(config.dict) : diagnostics.map((d) => d.message).join('; ');
}

// What MMCV 1.7.2 makes of them.
const cases: [string, string, string, string][] = [
  ['are merged by key', "a = {1: dict(x=1), 'b': 2}", 'a = {1: dict(y=2), 2: 3}', "{'a': {1: {'x': 1, 'y': 2}, 'b': 2, 2: 3}}"],
  ['take a dict with text keys', 'a = {1: 2}', 'a = dict(b=3)', "{'a': {1: 2, 'b': 3}}"],
  ['go into a dict with text keys', 'a = dict(b=3)', 'a = {1: 2}', "{'a': {'b': 3, 1: 2}}"],
  ['know one key by 1, 1.0 and True', 'a = {1: 2}', 'a = {1.0: 3, True: 4}', "{'a': {1: 4}}"],
  ['know tuples as keys', 'a = {(1, 2): dict(x=1)}', 'a = {(1, 2): dict(y=1)}', "{'a': {(1, 2): {'x': 1, 'y': 1}}}"],
  ['are replaced with _delete_', 'a = {1: 2}', "a = {3: 4, '_delete_': True}", "{'a': {3: 4}}"],
  ['are replaced inside', 'a = {1: dict(x=1)}', 'a = {1: dict(_delete_=True, y=2)}', "{'a': {1: {'y': 2}}}"],
  ['keep a false _delete_ out', 'a = {1: 2}', "a = {3: 4, '_delete_': False}", "{'a': {1: 2, 3: 4}}"],
  ['are gone through by {{_base_}}', "a = {1: 2, 'b': dict(c=1.0)}", 'd = {{_base_.a.b.c}}', "{'a': {1: 2, 'b': {'c': 1.0}}, 'd': 1.0}"],
  ['hold {{_base_}}', 'a = 1.0', 'd = {1: {{_base_.a}}}', "{'a': 1.0, 'd': {1: 1.0}}"],
  ['miss text where the key is a number', 'a = {1: 2}', 'd = {{_base_.a.1}}', "'1' is not expected here"],
  ['clash with what is no dict', 'a = 3', 'a = {1: 2}', 'a is a dict here, but an int in the base config, so a={1: 2} can not be merged into it'],
]; // prettier-ignore
test.each(cases)('dicts with keys that are no text %s', async (_title, base, main, expected) => {
  expect(await resolve(base, main)).toBe(expected);
});

test('${…} is replaced in them, and they are dumped as they were', async () => {
  const text = "n = 1.0\na = {1: '${n}', 'b': 'x'}\nc = '${a.b}'\n";
  const { config } = await loadConfig('a.py', () => Promise.resolve(text));
  const replaced = replaceCfgVals(config?.dict ?? {});
  expect(plainRepr(replaced)).toBe("{'n': 1.0, 'a': {1: 1.0, 'b': 'x'}, 'c': 'x'}");
});

test('range(…) and bytes keep their value in the dump, which reads back', async () => {
  const text = "a = range(4)\nb = range(1, 9, 2)\nc = b'a\\xff'\nd = dict(e=range(3))\nf = {1: 1.0}\n";
  const { config } = await loadConfig('a.py', () => Promise.resolve(text));
  const dump = config?.prettyText() ?? '';
  expect(dump).toBe(
    "a = range(0, 4)\nb = range(1, 9, 2)\nc = b'a\\xff'\nd = dict(e=range(0, 3))\nf = dict({1: 1.0})\n",
  );
  expect(plainRepr(evaluateText(dump, { file: 'dump.py' }).value)).toBe(plainRepr(config?.dict));
});
