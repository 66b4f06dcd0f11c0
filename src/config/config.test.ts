import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors/trainerError.ts';
import { dictKeys, isFloatEntry, type PlainDict } from '../lang/plain.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';
import { parseCfgOptions } from './cfgOptions.ts';
import {
  Config,
  loadConfig,
  loadConfigOrThrow,
  loadConfigText,
  type LoadedConfig,
  type LoadOptions,
} from './config.ts';
import { at } from '../util/at.ts';

const load = (files: Record<string, string>, options?: LoadOptions): Promise<LoadedConfig> =>
  loadConfig(at(Object.keys(files), 0), (path) => Promise.resolve(files[path] ?? null), options);
const resolved = async (files: Record<string, string>): Promise<PlainDict> => {
  const { config, diagnostics } = await load(files);
  expect(diagnostics).toEqual([]);
  return config?.dict ?? {};
};
const complaint = async (files: Record<string, string>): Promise<string> => {
  const { config, diagnostics } = await load(files);
  expect(config).toBeNull();
  const { span, code, message, hint } = at(diagnostics, 0);
  return `${span.file}:${span.line}:${span.column} ${code}: ${message} | ${hint ?? ''}`;
};

describe('_base_', () => {
  test('bases are found relative to the file that names them, and merged in order', async () => {
    const files = {
      'configs/a/main.py': "_base_ = ['../_base_/m.py', './s.py']\nmodel = dict(depth=18)\n",
      'configs/_base_/m.py': "model = dict(type='R', depth=50)\n",
      'configs/a/s.py': '_base_ = "../_base_/deep.py"\nlr = 1.0\n',
      'configs/_base_/deep.py': 'n = 1\n',
    };
    const dict = await resolved(files);
    expect(dict).toEqual({ model: { type: 'R', depth: 18 }, n: 1, lr: 1 });
    expect(dictKeys(dict)).toEqual(['model', 'n', 'lr']);
    expect(isFloatEntry(dict, 'lr')).toBe(true);
    expect((await load(files)).files).toEqual(Object.keys(files).slice(0, 4));
  });

  test('after a merge every value still points to the file it came from', async () => {
    const dict = await resolved({ 'main.py': "_base_ = 'b.py'\nm = dict(x=1)\n", 'b.py': 'm = dict(y=2)\n' });
    const where = (key: string): string | undefined => sourceOf(dict.m as object, key)?.span.file;
    expect([where('x'), where('y')]).toEqual(['main.py', 'b.py']);
  });

  test('a base of an installed package, as MMDetection 3.x writes it, is refused with what to write', async () => {
    expect(await complaint({ 'main.py': "_base_ = 'mmdet::_base_/default_runtime.py'\n" })).toBe(
      "main.py:1:10 scoped-base: _base_ must name a file, but 'mmdet::_base_/default_runtime.py' names one of the installed package mmdet, as MMDetection 3.x does | copy the file into the workspace and write its path, such as '../_base_/default_runtime.py'",
    );
  });

  test('a merge clash names both types and the cure', async () => {
    const files = {
      'main.py': "_base_ = 'b.py'\nopt = dict(clip=dict(max_norm=35))\n",
      'b.py': 'opt = dict(clip=None)\n',
    };
    expect(await complaint(files)).toMatchInlineSnapshot(
      `"main.py:2:17 merge-clash: opt.clip is a dict here, but a NoneType in the base config, so clip={'max_norm': 35} can not be merged into it | write clip=dict(_delete_=True, …) to replace the base value, or set _delete_=True one level above"`,
    );
  });

  test.each([
    [{ 'main.py': "_base_ = 'b.py'\n" }, "main.py:1:10 file-not-found: the base config 'b.py' must exist, but there is no such file | "],
    [{ 'c/main.py': "_base_ = 'b.py'\n", 'b.py': '' }, "c/main.py:1:10 file-not-found: the base config 'c/b.py' must exist, but there is no such file | there is 'b.py'; a base is found relative to the folder of the file that names it"],
    [{ 'main.py': "_base_ = 'b.py'\n", 'b.py': "_base_ = 'main.py'\n" }, 'b.py:1:10 base-cycle: a config must not be its own base, but main.py -> b.py -> main.py | '],
    [{ 'main.py': "_base_ = 'b.py'\ny = lr\n", 'b.py': 'lr = 1\n' }, "main.py:2:5 unknown-name: the name 'lr' must be defined before it is used, but it is not | 'lr' belongs to the base config: write {{_base_.lr}} to use its value"],
    [{ 'main.py': "_base_ = 'b.py'\ny = {{_base_.ll}}\n", 'b.py': 'lr = 1\n' }, "main.py:2:5 missing-key: {{_base_.ll}} must name a value of the base config, but it has no 'll' | did you mean 'lr'?"],
    [{ 'main.py': 'text = 1\n' }, "main.py:1:8 reserved-key: the name 'text' must not be set in a config, it is reserved | choose another name"],
  ])('%j', async (files, text) => {
    expect(await complaint(files)).toBe(text);
  }); // prettier-ignore

  test('a base value that is part of an expression is warned about', async () => {
    const { config, diagnostics } = await load({
      'main.py': "_base_ = 'b.py'\nx = {{_base_.n}} * 2\n",
      'b.py': 'n = 1\n',
    });
    expect(config).not.toBeNull();
    expect(diagnostics.map((d) => [d.severity, d.code, d.span.line, d.span.column])).toEqual([
      ['warning', 'base-variable-in-expression', 2, 5],
    ]);
  });

  test('places behind a replaced placeholder are those of the original text', async () => {
    const { diagnostics } = await load({
      'some/long/folder/main.py': "a = '{{ fileBasename }}'; b = nope\n",
    });
    expect(at(diagnostics, 0).span).toMatchObject({ line: 1, column: 31, endColumn: 35 });
  });
});

describe('options', () => {
  test('lists can be indexed, and a new Config is returned', () => {
    const config = new Config({ p: [{ a: 1 }, { a: 2 }], m: { d: 50 } });
    const changed = config.mergeFromDict(parseCfgOptions(['p.1.a=(1,x)', 'm.d=18', 'new.k=1e-3']));
    expect(changed.get('p.1.a')).toEqual(Tuple.of<unknown>(1, 'x'));
    expect(changed.get('p.1.a')).toBeInstanceOf(Tuple);
    expect(changed.get('m.d')).toBe(18);
    expect(changed.get('new')).toEqual({ k: 0.001 });
    expect(config.get('m.d')).toBe(50);
  });

  test.each([
    ['a.5.x=1', 'list-index'],
    ['a.0=1', 'merge-list-element'],
    ['b.c=1', 'merge-clash'],
    ['a=[(1,2]', 'unbalanced-brackets'],
    ['a=[1],[2]', 'ambiguous-list'],
    ['a', 'bad-option'],
  ])('%s is refused', (option, code) => {
    let found: unknown;
    try {
      new Config({ a: [1], b: null }).mergeFromDict(parseCfgOptions([option]));
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(ConfigError);
    expect((found as ConfigError).code).toBe(code);
  });

  test('loadConfigOrThrow throws the first error with its place', async () => {
    const loading = loadConfigOrThrow('m.py', () => Promise.resolve('x = y\n'));
    await expect(loading).rejects.toMatchObject({
      code: 'unknown-name',
      span: { file: 'm.py', line: 1, column: 5 },
    });
  });
});

describe('other formats', () => {
  test('JSON keeps floats and places, and tells where it is broken', async () => {
    const { config } = await loadConfigText('{"a": 1.0, "b": [1, NaN]}', '.json');
    expect(config?.prettyText()).toBe("a = 1.0\nb = [1, float('nan')]\n");
    const broken = await loadConfigText('{"a": 1,\n "b" 2}', '.json');
    expect(broken.diagnostics[0]).toMatchObject({ code: 'bad-json', span: { line: 2, column: 6 } });
  });

  test('YAML is read as PyYAML reads it', async () => {
    const { config } = await loadConfigText(
      'a: 1e-3\nb: off\nc: 012\nd: 1.0e+3\nbase: &b {x: 1}\ne: {<<: *b, y: ~}\n',
      '.yaml',
    );
    expect(config?.dict).toEqual({
      a: '1e-3',
      b: false,
      c: 10,
      d: 1000,
      base: { x: 1 },
      e: { x: 1, y: null },
    });
    const broken = await loadConfigText('a: [1\nb: 2\n', '.yml');
    expect(at(broken.diagnostics, 0).code).toBe('bad-yaml');
  });
});

describe('prettyText', () => {
  test.each([
    "a = dict(s='it\\'s', t=\"x\\n\", f=1.0, i=10**20, n=None, u='é😀')\n",
    "a = {'b c': 1, 'class': 2, 3: (1, ), (1, 2): [dict(x=1), 2]}\n",
    "a = [float('inf'), -float('inf'), 1e-7, 1e22, -0.0, {1, 2}]\n",
    `a = dict(${Array.from({ length: 30 }, (_, i) => `key_${i}=[${i}, 'value', (1, 2.5)]`).join(', ')})\n`,
    `a = [${Array.from({ length: 60 }, (_, i) => `'class number ${i}'`).join(', ')}]\n`,
    `a = dict(pipe=[dict(type='A'), dict(type='B', sizes=[(${'1333, '.repeat(40)})], nested=dict(x=[dict(y=1)]))])\n`,
  ])('reads back the same: %s', async (text) => {
    const first = (await loadConfigText(text, '.py')).config;
    const dumped = first?.prettyText() ?? '';
    const second = (await loadConfigText(dumped, '.py')).config;
    expect(second?.toJSON()).toEqual(first?.toJSON());
    expect(second?.prettyText()).toBe(dumped);
    for (const line of dumped.split('\n')) expect(line.length).toBeLessThanOrEqual(79);
  });
});
