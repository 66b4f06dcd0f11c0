// Finished config values as plain data: dict -> object, list -> array, tuple -> Tuple, None -> null, int and float -> number
// (bigint beyond 2^53), str, bool; a dict with keys that aren't text -> KeyedDict, a set -> Set, anything that
// data can't hold (a class, a function) -> Opaque.

import { Tuple } from '../util/tuple.ts';
import { sourceOf } from './sourceMap.ts';

/** A dict that has keys other than text. */
export class KeyedDict extends Map<unknown, unknown> {}

/** A Python object that has no meaning as data, such as a class defined in a config. */
export class Opaque {
  /** Python's name of its type, such as `builtin_function_or_method`. */
  readonly typeName: string;
  /** Its own name, for a class or function. */
  readonly name: string;
  constructor(typeName: string, name: string) {
    this.typeName = typeName;
    this.name = name;
  }
}

export type PlainDict = Record<string, unknown>;

/** Tell a dict from every other value. */
export function isDict(value: unknown): value is PlainDict {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof KeyedDict) &&
    !(value instanceof Opaque) &&
    !(value instanceof Set)
  );
}

// JavaScript moves integer-like keys of an object to the front. Only for dicts that have one, the order is kept here.
const keyOrders = new WeakMap<object, string[]>();
const INTEGER_LIKE = /^(0|[1-9]\d*)$/;

/** Set an entry without ever touching a prototype; a new key comes last. */
export function setEntry(dict: PlainDict, key: string, value: unknown): void {
  const order = keyOrders.get(dict);
  if (order) {
    if (!Object.hasOwn(dict, key)) order.push(key);
  } else if (INTEGER_LIKE.test(key) && !Object.hasOwn(dict, key)) {
    keyOrders.set(dict, [...Object.keys(dict), key]);
  }
  if (key === '__proto__') {
    Object.defineProperty(dict, key, { value, writable: true, enumerable: true, configurable: true });
  } else dict[key] = value;
}

/** Remove an entry. */
export function deleteEntry(dict: PlainDict, key: string): void {
  const order = keyOrders.get(dict);
  if (order?.includes(key)) order.splice(order.indexOf(key), 1);
  delete dict[key];
}

/** The keys of a dict in Python's order. */
export function dictKeys(dict: PlainDict): string[] {
  return keyOrders.get(dict) ?? Object.keys(dict);
}

/** The entries of a dict in Python's order. */
export function dictEntries(dict: PlainDict): [string, unknown][] {
  return dictKeys(dict).map((key) => [key, dict[key]]);
}

/** Own entry of a dict; never something inherited. */
export function getEntry(dict: PlainDict, key: string): unknown {
  return Object.hasOwn(dict, key) ? dict[key] : undefined;
}

/** Tell whether a container's entry is a Python float (`1.0`, not `1`). */
export function isFloatEntry(container: object, key: unknown): boolean {
  const name = String(key);
  const value: unknown =
    container instanceof KeyedDict ? container.get(key) : (container as Record<string, unknown>)[name];
  if (typeof value !== 'number') return false;
  return !Number.isSafeInteger(value) || Object.is(value, -0) || sourceOf(container, name)?.isFloat === true;
}

/**
 * A text that is equal exactly for keys that Python's dict holds equal (1, 1.0 and True are one); undefined for what can't be a key.
 */
export function hashOf(key: unknown): string | undefined {
  if (typeof key === 'string') return `s${key}`;
  if (key === null || key === undefined) return 'N';
  if (typeof key === 'boolean') return key ? 'n1' : 'n0';
  if (typeof key === 'number' || typeof key === 'bigint') return `n${String(key)}`;
  if (key instanceof Opaque) return `o${key.typeName} ${key.name}`;
  if (!(key instanceof Tuple)) return undefined;
  const parts = [...(key as readonly unknown[])].map(hashOf);
  return parts.includes(undefined) ? undefined : `t${JSON.stringify(parts)}`;
}

/** The key of a dict that equals `key`; undefined where it has none. */
export function findKey(dict: KeyedDict, key: unknown): { readonly key: unknown } | undefined {
  if (dict.has(key)) return { key };
  const hash = hashOf(key);
  for (const own of dict.keys()) if (hashOf(own) === hash) return { key: own };
  return undefined;
}

export type AnyDict = PlainDict | KeyedDict;

/** Tell a dict, whatever its keys, from every other value. */
export function isAnyDict(value: unknown): value is AnyDict {
  return isDict(value) || value instanceof KeyedDict;
}

/** The entries of a dict in Python's order, whatever its keys. */
export function entriesOf(dict: AnyDict): [unknown, unknown][] {
  return dict instanceof KeyedDict ? [...dict] : dictEntries(dict);
}

/** An entry by Python's equality of keys. */
export function findEntry(dict: AnyDict, key: unknown): { readonly value: unknown } | undefined {
  if (dict instanceof KeyedDict) {
    const found = findKey(dict, key);
    return found && { value: dict.get(found.key) };
  }
  return typeof key === 'string' && Object.hasOwn(dict, key) ? { value: dict[key] } : undefined;
}

/** Python's truth of a plain value: None, False, 0 and what is empty are false. */
export function plainTruth(value: unknown): boolean {
  if (typeof value === 'number') return value !== 0;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map || value instanceof Set) return value.size > 0;
  if (isDict(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Python's name of a plain value's type; a number counts as int unless `isFloat`. */
export function plainTypeName(value: unknown, isFloat = false): string {
  if (value === null || value === undefined) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return isFloat || !Number.isSafeInteger(value) ? 'float' : 'int';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof Tuple) return 'tuple';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Set) return 'set';
  if (value instanceof Opaque) return value.typeName;
  return 'dict';
}
