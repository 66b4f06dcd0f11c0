// Methods of lists, tuples, dicts, sets and bytes. Text methods are in `textMethods.ts`.

import { bind, made } from './callArgs.ts';
import { spend } from './limits.ts';
import { asInt, indexOf } from './numbers.ts';
import { equals } from './operators.ts';
import { PyError } from './pyError.ts';
import { repr } from './repr.ts';
import { getItem, iterate, missingKey, position } from './sequences.ts';
import { sortCells } from './sorting.ts';
import { TEXT_METHODS } from './textMethods.ts';
import {
  type CallArgs,
  type Cell,
  PyBytes,
  PyDict,
  PyIterator,
  PyList,
  PySet,
  PyTuple,
  type Value,
} from './values.ts';
import { at as itemAt } from '../util/at.ts';

type Method<T> = (self: T, args: CallArgs) => Value;

/** Copy a container one level deep. */
export function shallowCopy(value: Value): Value {
  if (value instanceof PyList) return new PyList(value.items.map((c) => ({ ...c })));
  if (value instanceof PySet) return new PySet(value.map.values(), value.isFrozen);
  if (value instanceof PyDict) {
    const copy = new PyDict();
    for (const e of value.entries()) copy.set(e.key, e.v, e.r, e.k);
    return copy;
  }
  return value;
}

function findIn(items: readonly Cell[], value: Value): number {
  const at = items.findIndex((c) => equals(c.v, value));
  if (at === -1) throw new PyError('ValueError', `${repr(value)} must be in the list, but it is not`);
  return at;
}

const LIST: Readonly<Record<string, Method<PyList>>> = {
  append: (self, args) => {
    bind(args, 'append', ['object'], 1);
    spend(1);
    self.items.push({ ...itemAt(args.pos, 0) });
    return null;
  },
  extend: (self, args) => {
    const [other] = bind(args, 'extend', ['iterable'], 1);
    const added = iterate(other ?? null).map((c) => ({ v: c.v, r: c.r ?? args.range }));
    for (const item of added) self.items.push(item);
    return null;
  },
  insert: (self, args) => {
    const [index] = bind(args, 'insert', ['index', 'object'], 2);
    self.items.splice(indexOf(index ?? null, 'the index'), 0, { ...itemAt(args.pos, 1) });
    return null;
  },
  pop: (self, args) => {
    const [index = -1] = bind(args, 'pop', ['index'], 0);
    return itemAt(self.items.splice(position(self.items.length, index, 'list'), 1), 0).v;
  },
  remove: (self, args) => {
    const [value] = bind(args, 'remove', ['value'], 1);
    self.items.splice(findIn(self.items, value ?? null), 1);
    return null;
  },
  clear: (self) => {
    self.items = [];
    return null;
  },
  copy: (self) => shallowCopy(self),
  index: (self, args) => findIn(self.items, bind(args, 'index', ['value'], 1)[0] ?? null),
  count: (self, args) => {
    const [value = null] = bind(args, 'count', ['value'], 1);
    return self.items.filter((c) => equals(c.v, value)).length;
  },
  reverse: (self) => {
    self.items.reverse();
    return null;
  },
  sort: (self, args) => {
    const [key = null, reverse = false] = bind(args, 'sort', ['*', 'key', 'reverse'], 0);
    self.items = sortCells(self.items, key, reverse, args);
    return null;
  },
};

const TUPLE: Readonly<Record<string, Method<PyTuple>>> = {
  index: (self, args) => findIn(self.items, bind(args, 'index', ['value'], 1)[0] ?? null),
  count: (self, args) => {
    const [value = null] = bind(args, 'count', ['value'], 1);
    return self.items.filter((c) => equals(c.v, value)).length;
  },
};

/** Put the entries of a dict, of pairs and of keywords into a dict, as `dict(…)` and `.update(…)` do. */
export function updateDict(dict: PyDict, args: CallArgs, fnName: string): void {
  if (args.pos.length > 1)
    throw new PyError('TypeError', `${fnName}() takes one value and keywords, but got ${args.pos.length}`);
  const source = args.pos[0]?.v;
  if (source instanceof PyDict) for (const e of source.entries()) dict.set(e.key, e.v, e.r, e.k);
  else if (source !== undefined) {
    for (const cell of iterate(source)) {
      const pair = iterate(cell.v);
      if (pair.length !== 2) {
        throw new PyError(
          'ValueError',
          `${fnName}() needs pairs of a key and a value, but got ${pair.length} values`,
        );
      }
      dict.set(
        itemAt(pair, 0).v,
        itemAt(pair, 1).v,
        itemAt(pair, 1).r ?? cell.r ?? args.range,
        itemAt(pair, 0).r,
      );
    }
  }
  for (const [key, cell] of args.kw) dict.set(key, cell.v, cell.r, cell.k);
  spend(dict.map.size);
}

const DICT: Readonly<Record<string, Method<PyDict>>> = {
  update: (self, args) => {
    updateDict(self, args, 'update');
    return null;
  },
  get: (self, args) => {
    const [key = null, fallback = null] = bind(args, 'get', ['key', 'default'], 1);
    return self.get(key)?.v ?? (self.get(key) ? null : fallback);
  },
  setdefault: (self, args) => {
    const [key = null, fallback = null] = bind(args, 'setdefault', ['key', 'default'], 1);
    const entry = self.get(key);
    if (entry) return entry.v;
    self.set(key, fallback, args.pos[1]?.r ?? args.range, args.pos[0]?.r);
    return fallback;
  },
  pop: (self, args) => {
    const [key = null, fallback] = bind(args, 'pop', ['key', 'default'], 1);
    const entry = self.get(key);
    if (entry) {
      self.delete(key);
      return entry.v;
    }
    if (fallback === undefined) throw missingKey(self, key);
    return fallback;
  },
  popitem: (self, args) => {
    const last = self.entries().pop();
    if (!last) throw new PyError('KeyError', 'popitem() needs a dict with entries, but it is empty');
    self.delete(last.key);
    return new PyTuple(made(args, [last.key, last.v]));
  },
  clear: (self) => {
    self.map.clear();
    return null;
  },
  copy: (self) => shallowCopy(self),
  keys: (self) => new PyList(self.entries().map((e) => ({ v: e.key, r: e.r }))),
  values: (self) => new PyList(self.entries().map((e) => ({ v: e.v, r: e.r }))),
  items: (self) =>
    new PyList(
      self.entries().map((e) => ({
        v: new PyTuple([
          { v: e.key, r: e.k ?? e.r },
          { v: e.v, r: e.r },
        ]),
        r: e.r,
      })),
    ),
};

const SET: Readonly<Record<string, Method<PySet>>> = {
  add: (self, args) => {
    bind(args, 'add', ['element'], 1);
    spend(1);
    self.add({ ...itemAt(args.pos, 0) });
    return null;
  },
  update: (self, args) => {
    for (const arg of args.pos) for (const cell of iterate(arg.v)) self.add(cell);
    return null;
  },
  discard: (self, args) => {
    const [value = null] = bind(args, 'discard', ['element'], 1);
    for (const [key, cell] of self.map) if (equals(cell.v, value)) self.map.delete(key);
    return null;
  },
  copy: (self) => shallowCopy(self),
  union: (self, args) =>
    new PySet([...self.map.values(), ...args.pos.flatMap((a) => iterate(a.v))], self.isFrozen),
  intersection: (self, args) => {
    const others = args.pos.map((a) => new PySet(iterate(a.v)));
    return new PySet(
      [...self.map.values()].filter((c) => others.every((o) => o.has(c.v))),
      self.isFrozen,
    );
  },
  difference: (self, args) => {
    const others = args.pos.map((a) => new PySet(iterate(a.v)));
    return new PySet(
      [...self.map.values()].filter((c) => !others.some((o) => o.has(c.v))),
      self.isFrozen,
    );
  },
  issubset: (self, args) => {
    const other = new PySet(iterate(args.pos[0]?.v ?? null));
    return [...self.map.values()].every((c) => other.has(c.v));
  },
};

const BYTES: Readonly<Record<string, Method<PyBytes>>> = {
  decode: (self) => {
    const bytes = Uint8Array.from(self.latin1, (c) => c.charCodeAt(0));
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw new PyError('ValueError', 'these bytes are not UTF-8 text');
    }
  },
};

const INT: Readonly<Record<string, Method<Value>>> = {
  bit_length: (self) => {
    const int = asInt(self) ?? 0;
    return int === 0 ? 0 : (int < 0 ? -BigInt(int) : BigInt(int)).toString(2).length;
  },
};

function lookUp<T>(
  table: Readonly<Record<string, Method<T>>>,
  self: T,
): (name: string) => Method<null> | undefined {
  return (name) => {
    const method = Object.hasOwn(table, name) ? table[name] : undefined;
    return method && ((_none, args) => method(self, args));
  };
}

/** The method `name` of a value, ready to be called; undefined when it has none. */
export function methodOf(value: Value, name: string): ((args: CallArgs) => Value) | undefined {
  const find =
    typeof value === 'string'
      ? lookUp(TEXT_METHODS, value)
      : value instanceof PyList
        ? lookUp(LIST, value)
        : value instanceof PyTuple
          ? lookUp(TUPLE, value)
          : value instanceof PyDict
            ? lookUp(DICT, value)
            : value instanceof PySet
              ? lookUp(SET, value)
              : value instanceof PyBytes
                ? lookUp(BYTES, value)
                : asInt(value) !== undefined
                  ? lookUp(INT, value)
                  : undefined;
  const method = find?.(name);
  return method && ((args) => method(null, args));
}

/** Names of a value's methods, for hints. */
export function methodNames(value: Value): string[] {
  if (typeof value === 'string') return Object.keys(TEXT_METHODS);
  if (value instanceof PyList) return Object.keys(LIST);
  if (value instanceof PyTuple) return Object.keys(TUPLE);
  if (value instanceof PyDict) return Object.keys(DICT);
  if (value instanceof PySet) return Object.keys(SET);
  return [];
}

/** `object[index] = …`. */
export function setItem(object: Value, index: Value, cell: Cell): void {
  if (object instanceof PyDict) object.set(index, cell.v, cell.r, cell.k);
  else if (object instanceof PyList) {
    object.items[position(object.items.length, index, 'list')] = { ...cell };
  } else {
    getItem(object, index);
    throw new PyError('TypeError', 'only entries of a list or dict can be assigned to', {
      hint: object instanceof PyTuple ? 'a tuple can not be changed: use a list [ ] instead' : undefined,
    });
  }
}

/** Tell whether a value is an iterator that `next` takes. */
export function nextOf(value: Value): Cell | undefined {
  if (!(value instanceof PyIterator)) throw new PyError('TypeError', 'next() needs an iterator');
  return value.position < value.cells.length ? value.cells[value.position++] : undefined;
}
