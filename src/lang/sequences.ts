// Iterating, indexing and slicing with Python's rules. Text is counted in code points.

import { spend } from './limits.ts';
import { indexOf } from './numbers.ts';
import { PyError } from './pyError.ts';
import { repr } from './repr.ts';
import { nearest } from '../util/nearest.ts';
import {
  type Cell,
  PyBytes,
  PyDict,
  PyIterator,
  PyList,
  PyRange,
  PySet,
  PySlice,
  PyTuple,
  typeName,
  type Value,
} from './values.ts';
import { at as itemAt } from '../util/at.ts';

/** The characters of a text, by code point. */
export function charsOf(text: string): string[] {
  spend(text.length);
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text.split('');
}

/** Python's `len`. */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return /[\ud800-\udfff]/.test(value) ? charsOf(value).length : value.length;
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length;
  if (value instanceof PyDict || value instanceof PySet) return value.map.size;
  if (value instanceof PyRange) return value.length;
  if (value instanceof PyBytes) return value.latin1.length;
  throw new PyError('TypeError', `a ${typeName(value)} has no length`);
}

/** The entries of anything that can be iterated, as cells; an iterator is used up. */
export function iterate(value: Value): Cell[] {
  if (value instanceof PyList || value instanceof PyTuple) {
    spend(value.items.length);
    return [...value.items];
  }
  if (typeof value === 'string') return charsOf(value).map((v) => ({ v, r: null }));
  if (value instanceof PyDict) return value.entries().map((e) => ({ v: e.key, r: e.r }));
  if (value instanceof PySet) return [...value.map.values()];
  if (value instanceof PyRange) {
    spend(value.length);
    return Array.from({ length: value.length }, (_, i) => ({ v: value.start + i * value.step, r: null }));
  }
  if (value instanceof PyIterator) {
    const rest = value.cells.slice(value.position);
    value.position = value.cells.length;
    return rest;
  }
  if (value instanceof PyBytes) return [...value.latin1].map((c) => ({ v: c.charCodeAt(0), r: null }));
  throw new PyError('TypeError', `a ${typeName(value)} can not be iterated over`, {
    hint: typeof value === 'number' ? `write range(${value})` : undefined,
  });
}

/** `object[index]`. */
export function getItem(object: Value, index: Value): Value {
  if (object instanceof PyDict) {
    const entry = object.get(index);
    if (entry) return entry.v;
    throw missingKey(object, index);
  }
  if (index instanceof PySlice) return slice(object, index);
  if (typeof object === 'string') {
    const chars = charsOf(object);
    return itemAt(chars, position(chars.length, index, 'str'));
  }
  if (object instanceof PyList || object instanceof PyTuple) {
    return itemAt(object.items, position(object.items.length, index, typeName(object))).v;
  }
  if (object instanceof PyRange) return object.start + position(object.length, index, 'range') * object.step;
  if (object instanceof PyBytes)
    return object.latin1.charCodeAt(position(object.latin1.length, index, 'bytes'));
  throw new PyError('TypeError', `a ${typeName(object)} can not be indexed with [ ]`);
}

/** The error for a key that a dict lacks. */
export function missingKey(dict: PyDict, key: Value): PyError {
  const keys = dict.entries().flatMap((e) => (typeof e.key === 'string' ? [e.key] : []));
  const near = typeof key === 'string' ? nearest(key, keys) : undefined;
  const listed = keys.slice(0, 12).map((k) => `'${k}'`);
  return new PyError(
    'KeyError',
    `the key ${repr(key)} must be in the dict, but it has ${listed.join(', ') || 'no keys'}`,
    {
      hint: near ? `did you mean '${near}'?` : undefined,
    },
  );
}

/** A checked, non-negative index. */
export function position(length: number, index: Value, what: string): number {
  const i = indexOf(index, `the index of a ${what}`);
  const at = i < 0 ? i + length : i;
  if (at < 0 || at >= length) {
    throw new PyError(
      'IndexError',
      `the index must lie within the ${length} entries of the ${what}, but it is ${i}`,
    );
  }
  return at;
}

/** The positions a slice takes from `length` entries. */
export function slicePositions(length: number, by: PySlice): number[] {
  const step = by.step === null ? 1 : indexOf(by.step, 'a slice step');
  if (step === 0) throw new PyError('ValueError', 'a slice step must not be 0');
  const clamp = (value: Value, fallback: number): number => {
    if (value === null) return fallback;
    const i = indexOf(value, 'a slice bound');
    const at = i < 0 ? i + length : i;
    return step > 0 ? Math.min(Math.max(at, 0), length) : Math.min(Math.max(at, -1), length - 1);
  };
  const start = clamp(by.start, step > 0 ? 0 : length - 1);
  const stop = clamp(by.stop, step > 0 ? length : -1);
  const count = Math.max(0, Math.ceil((stop - start) / step));
  spend(count);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

function slice(object: Value, by: PySlice): Value {
  if (typeof object === 'string') {
    const chars = charsOf(object);
    return slicePositions(chars.length, by)
      .map((i) => chars[i])
      .join('');
  }
  if (object instanceof PyList) {
    return new PyList(slicePositions(object.items.length, by).map((i) => ({ ...itemAt(object.items, i) })));
  }
  if (object instanceof PyTuple) {
    return new PyTuple(slicePositions(object.items.length, by).map((i) => itemAt(object.items, i)));
  }
  if (object instanceof PyRange) {
    const at = slicePositions(object.length, by);
    const step = object.step * (by.step === null ? 1 : indexOf(by.step, 'a slice step'));
    const start = at.length > 0 ? object.start + itemAt(at, 0) * object.step : object.start;
    return new PyRange(start, start + at.length * step, step);
  }
  if (object instanceof PyBytes) {
    return new PyBytes(
      slicePositions(object.latin1.length, by)
        .map((i) => object.latin1[i])
        .join(''),
    );
  }
  throw new PyError('TypeError', `a ${typeName(object)} can not be sliced`);
}
