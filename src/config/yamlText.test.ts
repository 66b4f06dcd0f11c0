import { expect, test } from 'vitest';
import { plainRepr } from '../lang/plainRepr.ts';
import { LineIndex } from '../lang/lineIndex.ts';
import { parseYaml } from './yamlText.ts';
import { loadConfigText } from './config.ts';

async function read(text: string): Promise<string> {
  const lines = new LineIndex('a.yaml', text);
  const parsed = await parseYaml(text, (from, to) => lines.span(from, to));
  if ('value' in parsed) return plainRepr((parsed.value as Record<string, unknown>).a ?? parsed.value);
  return `${parsed.errors[0]?.span.line}: ${parsed.errors[0]?.message}`;
}

// What PyYAML 6.0.3's Loader prints for the value of `a`, or for the whole.
const values: [string, string][] = [
  ['a: !!python/tuple [1, [2]]', '(1, [2])'],
  ['a: !!python/tuple [1, !!python/tuple [2]]', '(1, (2,))'],
  ['a: [!!float 3, !!float "1:30.5", !!float .inf]', '[3.0, 90.5, inf]'],
  ['a: [!!bool "yes", !!bool off, !!null x, !!null ""]', '[True, False, None, None]'],
  ["a: [!!int '0x1F', !!int 1:30, !!int 012, !!int 0b11]", '[31, 90, 10, 3]'],
  ['a: !!set {x}', "{'x'}"],
  ['a: !!omap [x: 1, y: 2]', "[('x', 1), ('y', 2)]"],
  ['a: !!pairs [x: 1, x: 2]', "[('x', 1), ('x', 2)]"],
  ['a: !!binary aGVsbG//', "b'hello\\xff'"],
  ['a: [!!str 3, !!python/str x, !!python/none "", !!python/float 3, !!python/bool yes]', "['3', 'x', None, 3.0, True]"],
  ['a: [1:30, 190:20:30, 1:30.5, -1:30, 1:60, 0:30, 1:2:3.4]', "[90, 685230, 90.5, -90, '1:60', '0:30', 3723.4]"],
  ['a: [012, 0o12, 08, 1_000, 1e3, 1.e+3, .5, -.5, +1, 0b11]', "[10, '0o12', '08', 1000, '1e3', 1000.0, 0.5, '-.5', 1, 3]"],
  ['a: ! 3', '3'],
  ['b: &b {x: 1, y: 2}\na:\n  y: 3\n  <<: *b\n  z: 4', "{'x': 1, 'y': 3, 'z': 4}"],
  ['b: &b {x: 1, y: 2}\nc: &d {x: 5, w: 6}\na:\n  k: 3\n  <<: [*b, *d]\n  z: 4', "{'x': 1, 'w': 6, 'y': 2, 'k': 3, 'z': 4}"],
  ['a: {<<: {x: 1, 3: 1}, <<: {x: 2}}', "{'x': 2, 3: 1}"],
  ["a: {'<<': 1}", "{'<<': 1}"],
  ['? !!python/tuple [1, 2]\n: 3', '{(1, 2): 3}'],
  ['1: 2\n1.0: 3', '{1: 3}'],
  ['yes: 1\n~: 2', '{True: 1, None: 2}'],
  ['a: "x\ny"\nb: 1', "'x y'"],
  ["a:\n  b: 'x\n\ny'\n  c: 1", "{'b': 'x\\ny', 'c': 1}"],
  ['a: "foo\nbar: 2"\nb: 1', "'foo bar: 2'"],
  ['a: [1,\n2,\n{x:\n1}]', "[1, 2, {'x': 1}]"],
]; // prettier-ignore
test.each(values)('%j is %s, as PyYAML reads it', async (text, expected) => {
  expect(await read(text)).toBe(expected);
});

const refused: [string, string][] = [
  ['b: 1\na: !!python/object/apply:os.system [ls]', '2: !!python/object/apply:os.system would run Python code'],
  ['a: !!python/object/new:os.x [1]', '1: !!python/object/new:os.x would run'],
  ['a: !!python/name:os.system', '1: !!python/name:os.system would run'],
  ['a: !!python/module:os', '1: !!python/module:os would run'],
  ['a: !foo x', "1: the tag !foo must be one of YAML 1.1's own"],
  ['a: !!foo [x]', "1: the tag !!foo must be one of YAML 1.1's own"],
  ['a: !!float abc', "1: !!float must be a number, but got 'abc'"],
  ['a: !!int 1.5', "1: !!int must be a whole number, but got '1.5'"],
  ['a: !!bool abc', '1: !!bool must be yes, no'],
  ['a: !!python/tuple 3', "1: !!python/tuple must be a collection, but got '3'"],
  ['a: !!set [x]', '1: !!set must not be a list'],
  ['a: !!omap {x: 1}', '1: !!omap must not be a dict'],
  ['? [1, 2]\n: 3', '1: a key must be hashable, but it is [1, 2]'],
  ['<<: 3', "1: '<<' must name a dict or a list of dicts"],
  ['a: =', "1: '=' is a value that PyYAML refuses"],
  ['a: "x\nb: 1', 'Missing closing "quote'],
  ['a: &x [*x]', 'too large or nested too deeply'],
]; // prettier-ignore
test.each(refused)('%j is refused: %s', async (text, message) => {
  expect(await read(text)).toContain(message);
});

test('places behind a moved line are those of the text as it was written', async () => {
  const text = 'a: "x\ny"\nb: 12\n';
  const { config } = await loadConfigText(text, '.yaml');
  expect(config?.spanOf('b')).toMatchObject({ line: 3, column: 4, from: 12, to: 14 });
  expect(config?.spanOf('a')).toMatchObject({ line: 1, column: 4, endLine: 2, endColumn: 3 });
});
