// Merging a child config into its base. Source: mmcv 1.7.2 Config._merge_a_into_b.

import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import {
  dictKeys,
  type AnyDict,
  deleteEntry,
  dictEntries,
  entriesOf,
  findEntry,
  findKey,
  isAnyDict,
  isDict,
  isFloatEntry,
  KeyedDict,
  type PlainDict,
  plainTypeName,
  setEntry,
} from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { copySources, setSource, sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';

export const DELETE_KEY = '_delete_';

/** A copy that shares no container with the original; places and key order are kept. */
export function deepCopy<T>(value: T): T;
export function deepCopy(value: unknown): unknown {
  if (Array.isArray(value)) {
    const copy: unknown[] = value instanceof Tuple ? new Tuple() : [];
    for (const item of value) copy.push(deepCopy<unknown>(item));
    copySources(value, copy);
    return copy;
  }
  if (value instanceof KeyedDict) {
    const copy = new KeyedDict([...value].map(([k, v]) => [k, deepCopy<unknown>(v)]));
    copySources(value, copy);
    return copy;
  }
  if (!isDict(value)) return value;
  const copy: PlainDict = {};
  for (const [key, item] of dictEntries(value)) setEntry(copy, key, deepCopy(item));
  copySources(value, copy);
  return copy;
}

function putEntry(dict: AnyDict, key: unknown, value: unknown): void {
  if (dict instanceof KeyedDict) dict.set(findKey(dict, key)?.key ?? key, value);
  else setEntry(dict, String(key), value);
}

/** A shallow copy of a dict or list. @param isKeyed a dict whose keys needn't be text */
function shallowCopy<T extends AnyDict | unknown[]>(value: T, isKeyed?: boolean): T;
function shallowCopy(value: AnyDict | unknown[], isKeyed = value instanceof KeyedDict): AnyDict | unknown[] {
  if (Array.isArray(value)) {
    const copy: unknown[] =
      value instanceof Tuple ? Tuple.of(...(value as unknown[])) : [...(value as unknown[])];
    copySources(value, copy);
    return copy;
  }
  const copy: AnyDict = isKeyed ? new KeyedDict() : {};
  for (const [key, item] of entriesOf(value)) putEntry(copy, key, item);
  copySources(value, copy);
  return copy;
}

function moveSource(from: object, fromKey: string, to: object, toKey: string | number): void {
  const source = sourceOf(from, fromKey);
  if (source) setSource(to, toKey, source);
}

/**
 * Merge `a` into `b`: dicts recursively, everything else replaces. `_delete_=True` in a dict of `a` drops what `b` has there; the tag
 * itself is removed only where `b` has the key. Neither argument is changed.
 * @param allowListKeys let digit keys of a dict in `a` index a list in `b`
 * @param path where `b` lies in the config, for messages
 * @throws ConfigError `merge-clash` for a dict over something that isn't one; `list-index` for an index out of range;
 *   `merge-list-element` for an element that can't take a merge
 */
export function mergeAIntoB(a: PlainDict, b: PlainDict, allowListKeys?: boolean): PlainDict {
  return merge(a, b, allowListKeys ?? false, '') as PlainDict;
}

function merge(
  a: AnyDict,
  b: AnyDict | unknown[],
  allowListKeys: boolean,
  path: string,
): AnyDict | unknown[] {
  const isKeyed = a instanceof KeyedDict || b instanceof KeyedDict;
  const merged = shallowCopy<AnyDict | unknown[]>(b, isKeyed);
  for (const [key, value] of entriesOf(a)) {
    const name = String(key);
    const at = path === '' ? name : `${path}.${name}`;
    const span = sourceOf(a, name)?.span ?? (isContainer(value) ? sourceOf(value, null)?.span : undefined);
    if (Array.isArray(merged)) {
      mergeIntoList(a, name, value, merged, { allowListKeys, at, span });
      continue;
    }
    const old = findEntry(merged, key);
    if (isAnyDict(value) && old) {
      const { isDeleting, rest } = takeDeleteTag(value);
      if (isDeleting) putEntry(merged, key, deepCopy(rest));
      else if (isAnyDict(old.value)) putEntry(merged, key, merge(rest, old.value, allowListKeys, at));
      else if (allowListKeys && Array.isArray(old.value) && !(old.value instanceof Tuple)) {
        putEntry(merged, key, merge(rest, old.value as unknown[], allowListKeys, at));
      } else throw clash(name, at, rest, old.value, isFloatEntry(merged, key), span);
    } else putEntry(merged, key, deepCopy(value));
    moveSource(a, name, merged, name);
  }
  return merged;
}

interface Place {
  readonly allowListKeys: boolean;
  readonly at: string;
  readonly span: Span | undefined;
}
function mergeIntoList(a: AnyDict, key: string, value: unknown, list: unknown[], place: Place): void {
  const { allowListKeys, at, span } = place;
  if (!allowListKeys || !/^\d+$/.test(key)) {
    throw new ConfigError(
      `${at} must be an index of a list, a number from 0 to ${list.length - 1}, but it is '${key}'`,
      {
        code: 'bad-list-index',
        path: at,
        span,
        hint: 'count from 0; negative indices are not supported',
      },
    );
  }
  const index = Number(key);
  if (index >= list.length) {
    throw new ConfigError(
      `${at} must be an index below ${list.length}, the length of the list, but it is ${index}`,
      {
        code: 'list-index',
        path: at,
        span,
      },
    );
  }
  const old = list[index];
  if (!isAnyDict(value) || !(isAnyDict(old) || (Array.isArray(old) && !(old instanceof Tuple)))) {
    throw new ConfigError(
      `${at} must be a dict merged into a dict, but it is a ${plainTypeName(value)} and the list has a ${plainTypeName(old, isFloatEntry(list, index))} there`,
      {
        code: 'merge-list-element',
        path: at,
        span,
        hint: 'an element of a list can not be replaced alone: give the whole list',
      },
    );
  }
  list[index] = merge(value, old as AnyDict | unknown[], allowListKeys, at);
  moveSource(a, key, list, index);
}

/** `_delete_` is read for its truth and leaves the dict either way. */
function takeDeleteTag(value: AnyDict): { isDeleting: boolean; rest: AnyDict } {
  const tag = findEntry(value, DELETE_KEY);
  if (!tag) return { isDeleting: false, rest: value };
  const rest = shallowCopy(value);
  if (rest instanceof KeyedDict) rest.delete(DELETE_KEY);
  else deleteEntry(rest, DELETE_KEY);
  return { isDeleting: isTruthyPlain(tag.value), rest };
}

/** Python's truth of a plain value. */
export function isTruthyPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Set || value instanceof Map) return value.size > 0;
  if (isDict(value)) return dictKeys(value).length > 0;
  return Boolean(value) || Number.isNaN(value);
}

function clash(
  key: string,
  path: string,
  value: AnyDict,
  old: unknown,
  isFloat: boolean,
  span: Span | undefined,
): ConfigError {
  const shown = plainRepr(value);
  const base = plainTypeName(old, isFloat);
  const article = /^[aeiou]/.test(base) ? 'an' : 'a';
  const short = shown.length > 120 ? `${shown.slice(0, 117)}...` : shown;
  return new ConfigError(
    `${path} is a dict here, but ${article} ${base} in the base config, so ${key}=${short} can not be merged into it`,
    {
      code: 'merge-clash',
      path,
      span,
      hint: `${Array.isArray(old) ? `write ${key}=[dict(…)] if a list is meant, or ` : 'write '}${key}=dict(_delete_=True, …) to replace the base value, or set _delete_=True one level above`,
    },
  );
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
