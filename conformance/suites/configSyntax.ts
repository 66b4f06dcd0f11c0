// `config_syntax.json` counts the Python features that real configs use. For each, a snippet of ours must evaluate to its value.

import { loadConfig } from '../../src/config/config.ts';
import { encodeValue } from '../../src/config/encode.ts';
import { failed, type FixtureFile, type ParityCaseResult, type ParityOutcome, passed } from './types.ts';

interface Snippet {
  /** Texts by file name; `main.py` is loaded. */
  readonly files: Readonly<Record<string, string>>;
  /** Expected JSON of the resolved config. */
  readonly out: unknown;
}

const one = (text: string, out: unknown): Snippet => ({ files: { 'main.py': text }, out });
const BASE = "optimizer = dict(type='SGD', lr=0.02)\n";

const SNIPPETS: Readonly<Record<string, Snippet>> = {
  '_base_ as Constant': {
    files: { 'main.py': "_base_ = './base.py'\noptimizer = dict(lr=0.01)\n", 'base.py': BASE },
    out: { optimizer: { type: 'SGD', lr: 0.01 } },
  },
  '_base_ as List': {
    files: { 'main.py': "_base_ = ['base.py', 'more.py']\n", 'base.py': BASE, 'more.py': 'n = 3\n' },
    out: { optimizer: { type: 'SGD', lr: 0.02 }, n: 3 },
  },
  _delete_: {
    files: {
      'main.py': "_base_ = 'base.py'\noptimizer = dict(_delete_=True, type='AdamW')\n",
      'base.py': BASE,
    },
    out: { optimizer: { type: 'AdamW' } },
  },
  'binop:Add': one('a = [1] + [2]\nb = 80 + 1\n', { a: [1, 2], b: 81 }),
  'binop:Add on str': one("root = 'data/'\na = root + 'coco/'\n", { root: 'data/', a: 'data/coco/' }),
  'binop:Div': one('a = 0.001 / 16\nb = 1 / 2\n', { a: 0.0000625, b: 0.5 }),
  'binop:FloorDiv': one('a = 7 // 2\nb = -7 // 2\n', { a: 3, b: -4 }),
  'binop:Mult': one('a = 8 * 2\nb = [None] * 2\n', { a: 16, b: [null, null] }),
  'binop:Sub': one('a = 300 - 15\n', { a: 285 }),
  'call:enumerate': one("a = [[i, c] for i, c in enumerate('ab')]\n", { a: [[0, 'a'], [1, 'b']] }), // prettier-ignore
  'call:len': one('a = len((1, 2, 3))\n', { a: 3 }),
  'call:range': one('a = [i for i in range(2, 8, 3)]\n', { a: [2, 5] }),
  'dict literal': one("a = {'k v': 1, 'b': {}}\n", { a: { 'k v': 1, b: {} } }),
  'dict(**x) unpacking': one('x = dict(a=1)\ny = dict(b=2, **x)\n', { x: { a: 1 }, y: { b: 2, a: 1 } }),
  'method call:.update': one("a = {'x': 1}\na.update({'y': 2})\n", { a: { x: 1, y: 2 } }),
  'node:DictComp': one("a = {k: i for i, k in enumerate('xy')}\n", { a: { x: 0, y: 1 } }),
  'node:JoinedStr': one("n = 2\na = {f'stages.{i}.w': 0 for i in range(n)}\ndel n\n", { a: { 'stages.0.w': 0, 'stages.1.w': 0 } }), // prettier-ignore
  'node:ListComp': one('a = [(32 * k, 32 * k) for k in range(1, 3)]\n', { a: [{ __tuple__: [32, 32] }, { __tuple__: [64, 64] }] }), // prettier-ignore
  'node:Subscript': one('p = [dict(t=1), dict(t=2)]\np[1]["t"] = 5\n', { p: [{ t: 1 }, { t: 5 }] }),
  'stmt:Assign': one('a = b = 1\nc, d = 2, 3\n', { a: 1, b: 1, c: 2, d: 3 }),
  'stmt:Expr': one("'a comment'\na = []\na.append(1)\n", { a: [1] }),
  'tuple literal': one('a = (1333, 800)\nb = (1, )\n', {
    a: { __tuple__: [1333, 800] },
    b: { __tuple__: [1] },
  }),
  'unary:USub': one('a = -1\nb = -0.5\n', { a: -1, b: -0.5 }),
  'variable reuse (name load)': one('c = dict(x=1)\na = [c, c]\nc["x"] = 2\n', {
    c: { x: 2 },
    a: [{ x: 2 }, { x: 2 }],
  }),
  imports: one('import os.path as osp\na = osp.join("a", "b")\n', { a: 'a/b' }),
};

interface Counts {
  readonly occurrences: Readonly<Record<string, unknown>>;
  readonly imports: Readonly<Record<string, number>>;
  readonly builtin_calls: Readonly<Record<string, number>>;
  readonly method_calls: Readonly<Record<string, number>>;
}

/** One result for every counted feature of every counted version. */
export async function runSyntaxCases(fixture: FixtureFile, file: string): Promise<ParityCaseResult[]> {
  const results: ParityCaseResult[] = [];
  for (const [version, counts] of Object.entries(fixture.results as Record<string, Counts>)) {
    const features = [
      ...Object.keys(counts.occurrences),
      ...Object.keys(counts.builtin_calls).map((name) =>
        name === 'dict' ? 'dict(**x) unpacking' : `call:${name}`,
      ),
      ...Object.keys(counts.method_calls).map((name) => `method call:.${name}`),
    ];
    for (const feature of new Set(features)) {
      results.push({ file, id: `${version}/${feature}`, outcome: await runFeature(feature) });
    }
  }
  return results;
}

async function runFeature(feature: string): Promise<ParityOutcome> {
  const snippet = Object.hasOwn(SNIPPETS, feature) ? SNIPPETS[feature] : undefined;
  if (!snippet) return failed(`there is no snippet for '${feature}'`);
  const { files, out } = snippet;
  const { config, diagnostics } = await loadConfig('main.py', (path) => Promise.resolve(files[path] ?? null));
  if (!config) return failed(diagnostics.map((d) => d.message).join('; '));
  const got = JSON.stringify(encodeValue(config.dict));
  return got === JSON.stringify(out) ? passed : failed(`expected ${JSON.stringify(out)}, got ${got}`);
}
