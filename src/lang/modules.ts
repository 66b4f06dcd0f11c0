// The few importable modules: `os.path` on plain text, `math`, `copy`. Others of the standard library can be imported, but not used.

import { bind, textOf } from './callArgs.ts';
import { shallowCopy } from './methods.ts';
import { spend } from './limits.ts';
import { asInt, asNumber, smallest } from './numbers.ts';
import { PyError } from './pyError.ts';
import {
  type BuiltinBody,
  PyBuiltin,
  PyDict,
  PyFloat,
  PyList,
  PyModule,
  PyTuple,
  typeName,
  type Value,
} from './values.ts';

const text = (name: string, run: (path: string) => Value): [string, Value] => [
  name,
  new PyBuiltin(name, (args) => run(textOf(bind(args, name, ['path'], 1)[0], 'a path')), 'python'),
];

const splitExt = (path: string): [string, string] => {
  const dot = path.lastIndexOf('.');
  const nameStart = path.lastIndexOf('/') + 1;
  return dot > nameStart && !/^\.+$/.test(path.slice(nameStart, dot))
    ? [path.slice(0, dot), path.slice(dot)]
    : [path, ''];
};
const splitPath = (path: string): [string, string] => {
  const at = path.lastIndexOf('/') + 1;
  const head = path.slice(0, at);
  return [/^\/*$/.test(head) ? head : head.replace(/\/+$/, ''), path.slice(at)];
};
const pair = ([a, b]: [string, string]): PyTuple =>
  new PyTuple([
    { v: a, r: null },
    { v: b, r: null },
  ]);

/** `os.path.join`: a part that starts with '/' drops what came before. */
export function joinPath(parts: readonly string[]): string {
  return parts.reduce((path, part) => {
    if (part.startsWith('/')) return part;
    return path === '' || path.endsWith('/') ? path + part : `${path}/${part}`;
  });
}

/** `os.path.normpath`: `a/./b/../c` becomes `a/c`. */
export function normalizePath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && out.length > 0 && out[out.length - 1] !== '..') out.pop();
    else if (part !== '..' || !isAbsolute) out.push(part);
  }
  return (isAbsolute ? '/' : '') + out.join('/') || '.';
}

const osPath = new PyModule(
  'os.path',
  new Map<string, Value>([
    ['sep', '/'],
    ['join', new PyBuiltin('join', (args) => joinPath(args.pos.map((c) => textOf(c.v, 'a path'))), 'python')],
    text('basename', (p) => splitPath(p)[1]),
    text('dirname', (p) => splitPath(p)[0]),
    text('split', (p) => pair(splitPath(p))),
    text('splitext', (p) => pair(splitExt(p))),
    text('normpath', normalizePath),
    text('isabs', (p) => p.startsWith('/')),
  ]),
);

/** Made anew for each import, because `os.environ` can be changed. */
const os = (): PyModule =>
  new PyModule(
    'os',
    new Map<string, Value>([
      ['path', osPath],
      ['sep', '/'],
      // A config reads the same everywhere: no variables of the machine are visible.
      ['environ', new PyDict()],
      [
        'getenv',
        new PyBuiltin('getenv', (args) => bind(args, 'getenv', ['key', 'default'], 1)[1] ?? null, 'python'),
      ],
    ]),
  );

const real =
  (name: string, run: (x: number) => number): BuiltinBody =>
  (args) => {
    const [value = null] = bind(args, name, ['x'], 1);
    const x = asNumber(value);
    if (x === undefined)
      throw new PyError('TypeError', `math.${name}() needs a number, but got ${typeName(value)}`);
    const y = run(x);
    if (Number.isNaN(y) && !Number.isNaN(x))
      throw new PyError('ValueError', `math.${name}() is not defined for ${x}`);
    if (!Number.isFinite(y) && Number.isFinite(x))
      throw new PyError(x === 0 ? 'ValueError' : 'OverflowError', `math.${name}() is not defined for ${x}`);
    return new PyFloat(y);
  };

const whole =
  (name: string, run: (x: number) => number): BuiltinBody =>
  (args) => {
    const [value = null] = bind(args, name, ['x'], 1);
    const int = asInt(value);
    if (int !== undefined) return int;
    const x = asNumber(value);
    if (x === undefined)
      throw new PyError('TypeError', `math.${name}() needs a number, but got ${typeName(value)}`);
    if (!Number.isFinite(x))
      throw new PyError('ValueError', `math.${name}() needs a finite number, but got ${x}`);
    return smallest(BigInt(run(x)));
  };

const REAL = ['sqrt', 'exp', 'log2', 'log10', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'tanh'] as const;

const math = new PyModule(
  'math',
  new Map<string, Value>([
    ['pi', new PyFloat(Math.PI)],
    ['e', new PyFloat(Math.E)],
    ['tau', new PyFloat(2 * Math.PI)],
    ['inf', new PyFloat(Infinity)],
    ['nan', new PyFloat(NaN)],
    ...REAL.map((name): [string, Value] => [name, new PyBuiltin(name, real(name, Math[name]))]),
    ['fabs', new PyBuiltin('fabs', real('fabs', Math.abs))],
    [
      'radians',
      new PyBuiltin(
        'radians',
        real('radians', (x) => (x * Math.PI) / 180),
      ),
    ],
    [
      'degrees',
      new PyBuiltin(
        'degrees',
        real('degrees', (x) => (x * 180) / Math.PI),
      ),
    ],
    ['ceil', new PyBuiltin('ceil', whole('ceil', Math.ceil))],
    ['floor', new PyBuiltin('floor', whole('floor', Math.floor))],
    ['trunc', new PyBuiltin('trunc', whole('trunc', Math.trunc))],
    [
      'log',
      new PyBuiltin('log', (args) => {
        const log = real('log', Math.log);
        const [top = null, base] = args.pos.map((cell) => log({ ...args, pos: [cell] }));
        return base instanceof PyFloat && top instanceof PyFloat ? new PyFloat(top.n / base.n) : top;
      }),
    ],
    [
      'pow',
      new PyBuiltin('pow', (args) => {
        const [x = null, y = null] = bind(args, 'pow', ['x', 'y'], 2);
        return new PyFloat((asNumber(x) ?? NaN) ** (asNumber(y) ?? NaN));
      }),
    ],
  ]),
);

function deepCopy(value: Value, seen: Map<Value, Value>): Value {
  spend(1);
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (value instanceof PyList) {
    const copy = new PyList([]);
    seen.set(value, copy);
    for (const c of value.items) copy.items.push({ v: deepCopy(c.v, seen), r: c.r });
    return copy;
  }
  if (value instanceof PyTuple)
    return new PyTuple(value.items.map((c) => ({ v: deepCopy(c.v, seen), r: c.r })));
  if (value instanceof PyDict) {
    const copy = new PyDict();
    seen.set(value, copy);
    for (const e of value.entries()) copy.set(e.key, deepCopy(e.v, seen), e.r, e.k);
    return copy;
  }
  return shallowCopy(value);
}

const copy = new PyModule(
  'copy',
  new Map<string, Value>([
    ['copy', new PyBuiltin('copy', (args) => shallowCopy(bind(args, 'copy', ['x'], 1)[0] ?? null), 'python')],
    [
      'deepcopy',
      new PyBuiltin(
        'deepcopy',
        (args) => deepCopy(bind(args, 'deepcopy', ['x'], 1)[0] ?? null, new Map()),
        'python',
      ),
    ],
  ]),
);

const USABLE: ReadonlyMap<string, PyModule> = new Map([
  ['os.path', osPath],
  ['math', math],
  ['copy', copy],
]);

/** Importable, harmless, but with nothing inside. */
const EMPTY = (
  'abc argparse collections contextlib datetime enum functools glob inspect io itertools json logging numbers operator pathlib ' +
  'pickle platform pprint random re shutil string subprocess sys tempfile textwrap time types typing uuid warnings __future__'
).split(' ');

/** Names of every importable module. */
export const MODULE_NAMES: readonly string[] = ['os', ...USABLE.keys(), ...EMPTY];

/** @returns undefined for a module that does not exist here. */
export function findModule(name: string): PyModule | undefined {
  if (name === 'os') return os();
  return USABLE.get(name) ?? (EMPTY.includes(name) ? new PyModule(name, new Map()) : undefined);
}
