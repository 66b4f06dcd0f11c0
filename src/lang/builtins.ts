// Python's builtin functions and types, as far as a config needs them.

import { bind, made, textOf } from './callArgs.ts';
import { formatValue } from './format.ts';
import { checkStringChars, spend } from './limits.ts';
import { nextOf, updateDict } from './methods.ts';
import { arithmetic, asInt, asNumber, fixed, indexOf, roundInt, smallest } from './numbers.ts';
import { binary, order } from './operators.ts';
import { CODE_OF_EXCEPTION, PyError } from './pyError.ts';
import { repr, str } from './repr.ts';
import { iterate, lengthOf } from './sequences.ts';
import { sortCells } from './sorting.ts';
import {
  type BuiltinBody,
  type CallArgs,
  type Cell,
  hashKey,
  isTruthy,
  PyBuiltin,
  PyBytes,
  PyClass,
  PyDict,
  PyException,
  PyFloat,
  PyFunction,
  PyIterator,
  PyList,
  PyRange,
  PySet,
  PyTuple,
  typeName,
  type Value,
} from './values.ts';
import { at } from '../util/at.ts';

const noKeywords = (args: CallArgs, name: string): void => {
  for (const key of args.kw.keys())
    throw new PyError('TypeError', `${name}() does not take the argument '${key}'`);
};

function cellsFrom(args: CallArgs, name: string): Cell[] {
  noKeywords(args, name);
  const [source] = bind(args, name, ['iterable'], 0);
  return source === undefined ? [] : iterate(source).map((c) => ({ v: c.v, r: c.r ?? args.range }));
}

const toInt: BuiltinBody = (args) => {
  const [value = 0, base] = bind(args, 'int', ['x', 'base'], 0);
  if (typeof value === 'string') return intOfText(value, base === undefined ? 10 : indexOf(base, 'the base'));
  if (value instanceof PyFloat) {
    if (!Number.isFinite(value.n))
      throw new PyError('ValueError', `int() needs a finite number, but got ${repr(value)}`);
    return smallest(BigInt(Math.trunc(value.n)));
  }
  const int = asInt(value);
  if (int === undefined)
    throw new PyError('TypeError', `int() needs a number or a str, but got ${typeName(value)}`);
  return int;
};

function intOfText(text: string, base: number): Value {
  const clean = text.trim().toLowerCase();
  const digits = clean.replace(/^[+-]/, '').replace(/(?<=\w)_(?=\w)/g, '');
  const body = { 16: /^0x/, 8: /^0o/, 2: /^0b/ }[base];
  const plain = body ? digits.replace(body, '') : digits;
  const isGood = plain !== '' && [...plain].every((c) => parseInt(c, 36) < base) && /^[0-9a-z]+$/.test(plain);
  if (!isGood || plain.length > 4300)
    throw new PyError('ValueError', `int() needs a whole number, but got ${repr(text)}`);
  let value = 0n;
  for (const c of plain) value = value * BigInt(base) + BigInt(parseInt(c, 36));
  return smallest(clean.startsWith('-') ? -value : value);
}

/** Read a float as Python's `float('…')` does; undefined when it isn't one. */
export function floatOfText(text: string): number | undefined {
  const clean = text.trim().replace(/(?<=\d)_(?=\d)/g, '');
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(clean);
  if (special)
    return at(special, 2).toLowerCase() === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(clean) ? Number(clean) : undefined;
}

const toFloat: BuiltinBody = (args) => {
  const [value = 0] = bind(args, 'float', ['x'], 0);
  const n = typeof value === 'string' ? floatOfText(value) : asNumber(value);
  if (n !== undefined) return new PyFloat(n);
  const got = typeof value === 'string' ? repr(value) : typeName(value);
  throw new PyError(
    typeof value === 'string' ? 'ValueError' : 'TypeError',
    `float() needs a number, but got ${got}`,
  );
};

const toRange: BuiltinBody = (args) => {
  noKeywords(args, 'range');
  const [a = null, b, c] = bind(args, 'range', ['start', 'stop', 'step'], 1);
  const step = c === undefined ? 1 : indexOf(c, 'the step of range()');
  if (step === 0) throw new PyError('ValueError', 'the step of range() must not be 0');
  const first = indexOf(a, 'the argument of range()');
  return b === undefined
    ? new PyRange(0, first, step)
    : new PyRange(first, indexOf(b, 'the end of range()'), step);
};

const extreme =
  (name: string, sign: number): BuiltinBody =>
  (args) => {
    const key = args.kw.get('key')?.v ?? null;
    const cells = args.pos.length === 1 ? iterate(at(args.pos, 0).v) : args.pos;
    if (cells.length === 0) {
      const fallback = args.kw.get('default');
      if (fallback) return fallback.v;
      throw new PyError('ValueError', `${name}() needs at least one value`);
    }
    const keyOf = (v: Value): Value => (key === null ? v : args.call(key, [v]));
    let best = at(cells, 0).v;
    let bestKey = keyOf(best);
    for (const cell of cells.slice(1)) {
      const cellKey = keyOf(cell.v);
      if (order(cellKey, bestKey) * sign > 0) [best, bestKey] = [cell.v, cellKey];
    }
    return best;
  };

const round: BuiltinBody = (args) => {
  const [value = null, places = null] = bind(args, 'round', ['number', 'ndigits'], 1);
  const int = asInt(value);
  const digits = places === null ? 0 : indexOf(places, 'ndigits');
  if (int !== undefined) return roundInt(int, digits);
  if (!(value instanceof PyFloat))
    throw new PyError('TypeError', `round() needs a number, but got ${typeName(value)}`);
  if (!Number.isFinite(value.n)) {
    if (places === null)
      throw new PyError('ValueError', `round() needs a finite number, but got ${repr(value)}`);
    return value;
  }
  if (places === null) return smallest(BigInt(fixed(value.n, 0)));
  if (digits > 323) return value;
  return new PyFloat(digits < -309 ? 0 : Number(fixed(value.n, digits)));
};

const isInstance: BuiltinBody = (args) => {
  const [value = null, type = null] = bind(args, 'isinstance', ['object', 'class'], 2);
  const types = type instanceof PyTuple ? type.items.map((c) => c.v) : [type];
  return types.some((t) => {
    if (!(t instanceof PyBuiltin) || t.kind !== 'type') {
      if (t instanceof PyClass || t instanceof PyException) return false;
      throw new PyError(
        'TypeError',
        'the second argument of isinstance() must be a type or a tuple of types',
      );
    }
    return (
      typeName(value) === t.name || (t.name === 'int' && typeof value === 'boolean') || t.name === 'object'
    );
  });
};

const zip: BuiltinBody = (args) => {
  const columns = args.pos.map((a) => iterate(a.v));
  const n = columns.length === 0 ? 0 : Math.min(...columns.map((c) => c.length));
  spend(n * columns.length);
  const rows = Array.from({ length: n }, (_, i) => new PyTuple(columns.map((c) => at(c, i))));
  return new PyIterator('zip', made(args, rows));
};

const enumerate: BuiltinBody = (args) => {
  const [source = null, start = 0] = bind(args, 'enumerate', ['iterable', 'start'], 1);
  const first = indexOf(start, 'the start of enumerate()');
  const rows = iterate(source).map((c, i) => new PyTuple([{ v: first + i, r: c.r }, c]));
  return new PyIterator('enumerate', made(args, rows));
};

const functions: Readonly<Record<string, BuiltinBody>> = {
  len: (args) => lengthOf(bind(args, 'len', ['obj'], 1)[0] ?? null),
  abs: (args) => {
    const [value = null] = bind(args, 'abs', ['x'], 1);
    const int = asInt(value);
    if (int !== undefined) return int < 0 ? smallest(-BigInt(int)) : int;
    if (value instanceof PyFloat) return new PyFloat(Math.abs(value.n));
    throw new PyError('TypeError', `abs() needs a number, but got ${typeName(value)}`);
  },
  min: extreme('min', -1),
  max: extreme('max', 1),
  sum: (args) => {
    const [source = null, start = 0] = bind(args, 'sum', ['iterable', 'start'], 1);
    return iterate(source).reduce<Value>((total, cell) => binary('+', total, cell.v), start);
  },
  round,
  pow: (args) => {
    const [base = null, exponent = null] = bind(args, 'pow', ['base', 'exp'], 2);
    return binary('**', base, exponent);
  },
  divmod: (args) => {
    const [a = null, b = null] = bind(args, 'divmod', ['x', 'y'], 2);
    const pair = [arithmetic('//', a, b), arithmetic('%', a, b)];
    return new PyTuple(made(args, [pair[0] ?? null, pair[1] ?? null]));
  },
  sorted: (args) => {
    const [source = null, key = null, reverse = false] = bind(
      args,
      'sorted',
      ['iterable', '*', 'key', 'reverse'],
      1,
    );
    return new PyList(sortCells(iterate(source), key, reverse, args));
  },
  any: (args) => iterate(bind(args, 'any', ['iterable'], 1)[0] ?? null).some((c) => isTruthy(c.v)),
  all: (args) => iterate(bind(args, 'all', ['iterable'], 1)[0] ?? null).every((c) => isTruthy(c.v)),
  isinstance: isInstance,
  callable: (args) => {
    const [value = null] = bind(args, 'callable', ['object'], 1);
    return value instanceof PyFunction || value instanceof PyBuiltin || value instanceof PyClass;
  },
  repr: (args) => repr(bind(args, 'repr', ['object'], 1)[0] ?? null),
  ascii: (args) => repr(bind(args, 'ascii', ['object'], 1)[0] ?? null),
  format: (args) => {
    const [value = null, spec = ''] = bind(args, 'format', ['value', 'spec'], 1);
    return formatValue(value, textOf(spec, 'the format'));
  },
  print: () => null,
  hash: (args) => {
    hashKey(bind(args, 'hash', ['object'], 1)[0] ?? null);
    throw new PyError(
      'NotImplementedError',
      'hash() is not supported in a config: it would differ from run to run',
    );
  },
  ord: (args) => textOf(bind(args, 'ord', ['character'], 1)[0], 'the argument of ord()').codePointAt(0) ?? 0,
  chr: (args) => {
    const code = indexOf(bind(args, 'chr', ['code'], 1)[0] ?? null, 'the argument of chr()');
    if (code < 0 || code > 0x10ffff)
      throw new PyError('ValueError', `chr() needs a code point up to 1114111, but got ${code}`);
    return String.fromCodePoint(code);
  },
  hex: (args) => formatValue(bind(args, 'hex', ['x'], 1)[0] ?? null, '#x'),
  bin: (args) => formatValue(bind(args, 'bin', ['x'], 1)[0] ?? null, '#b'),
  oct: (args) => formatValue(bind(args, 'oct', ['x'], 1)[0] ?? null, '#o'),
  iter: (args) => new PyIterator('iterator', iterate(bind(args, 'iter', ['iterable'], 1)[0] ?? null)),
  next: (args) => {
    const [source = null, fallback] = bind(args, 'next', ['iterator', 'default'], 1);
    const cell = nextOf(source);
    if (cell) return cell.v;
    if (fallback !== undefined) return fallback;
    throw new PyError('StopIteration', 'next() needs another entry, but the iterator is used up');
  },
};

const types: Readonly<Record<string, BuiltinBody>> = {
  dict: (args) => {
    const dict = new PyDict();
    updateDict(dict, args, 'dict');
    return dict;
  },
  list: (args) => new PyList(cellsFrom(args, 'list')),
  tuple: (args) => new PyTuple(cellsFrom(args, 'tuple')),
  set: (args) => new PySet(cellsFrom(args, 'set')),
  frozenset: (args) => new PySet(cellsFrom(args, 'frozenset'), true),
  int: toInt,
  float: toFloat,
  bool: (args) => isTruthy(bind(args, 'bool', ['x'], 0)[0] ?? null),
  str: (args) => {
    const [value = ''] = bind(args, 'str', ['object'], 0);
    const text = str(value);
    checkStringChars(text.length);
    return text;
  },
  bytes: (args) => {
    const [value = ''] = bind(args, 'bytes', ['source', 'encoding'], 0);
    if (value instanceof PyBytes) return value;
    return new PyBytes(
      iterate(value)
        .map((c) => String.fromCharCode(indexOf(c.v, 'a byte') & 0xff))
        .join(''),
    );
  },
  range: toRange,
  zip,
  enumerate,
  reversed: (args) =>
    new PyIterator('reversed', iterate(bind(args, 'reversed', ['sequence'], 1)[0] ?? null).reverse()),
  map: (args) => {
    const [, ...sources] = args.pos;
    const first = at(args.pos, 0);
    const columns = sources.map((s) => iterate(s.v));
    const n = Math.min(...columns.map((c) => c.length));
    const values = Array.from({ length: n }, (_, i) =>
      args.call(
        first.v,
        columns.map((c) => at(c, i).v),
      ),
    );
    return new PyIterator('map', made(args, values));
  },
  filter: (args) => {
    const [fn = null, source = null] = bind(args, 'filter', ['function', 'iterable'], 2);
    const keep = (v: Value): boolean => isTruthy(fn === null ? v : args.call(fn, [v]));
    return new PyIterator(
      'filter',
      iterate(source).filter((c) => keep(c.v)),
    );
  },
  slice: () => {
    throw new PyError('NotImplementedError', 'slice() is not supported in a config, write a[start:stop]');
  },
  object: () => {
    throw new PyError('NotImplementedError', 'object() is not supported in a config');
  },
  type: (args) => {
    const [value = null] = bind(args, 'type', ['object'], 1);
    const found = BUILTINS.get(typeName(value));
    if (found) return found;
    throw new PyError('NotImplementedError', `type() of a ${typeName(value)} is not supported in a config`);
  },
};

function exceptions(): [string, Value][] {
  const names = [
    ...Object.keys(CODE_OF_EXCEPTION),
    'BaseException',
    'LookupError',
    'ArithmeticError',
    'OSError',
    'FileNotFoundError',
  ];
  return names.map((name) => [name, new PyException(name, null)]);
}

/** Everything a config can name without defining it. */
export const BUILTINS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...Object.entries(functions).map(([name, run]): [string, Value] => [name, new PyBuiltin(name, run)]),
  ...Object.entries(types).map(([name, run]): [string, Value] => [name, new PyBuiltin(name, run, 'type')]),
  ...exceptions(),
]);
