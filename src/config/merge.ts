// Merging a child config into its base. Source: mmcv 1.7.2 Config._merge_a_into_b.

import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import {
  dictKeys,
  dictEntries,
  deleteEntry,
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

/** A shallow copy of a dict or list. */
function shallowCopy<T extends PlainDict | unknown[]>(value: T): T;
function shallowCopy(value: PlainDict | unknown[]): PlainDict | unknown[] {
  if (Array.isArray(value)) {
    const copy: unknown[] =
      value instanceof Tuple ? Tuple.of(...(value as unknown[])) : [...(value as unknown[])];
    copySources(value, copy);
    return copy;
  }
  const copy: PlainDict = {};
  for (const [key, item] of dictEntries(value)) setEntry(copy, key, item);
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
export function mergeAIntoB<T extends PlainDict | unknown[]>(
  a: PlainDict,
  b: T,
  allowListKeys?: boolean,
  path?: string,
): T;
export function mergeAIntoB(
  a: PlainDict,
  b: PlainDict | unknown[],
  allowListKeys = false,
  path = '',
): PlainDict | unknown[] {
  const merged = shallowCopy(b);
  for (const [key, value] of dictEntries(a)) {
    const at = path === '' ? key : `${path}.${key}`;
    const span = sourceOf(a, key)?.span ?? (isContainer(value) ? sourceOf(value, null)?.span : undefined);
    if (Array.isArray(merged)) mergeIntoList(a, key, value, merged, { allowListKeys, at, span });
    else if (isDict(value) && Object.hasOwn(merged, key)) {
      const { isDeleting, rest } = takeDeleteTag(value);
      const old = merged[key];
      if (isDeleting) setEntry(merged, key, deepCopy(rest));
      else if (isDict(old)) setEntry(merged, key, mergeAIntoB(rest, old, allowListKeys, at));
      else if (allowListKeys && Array.isArray(old) && !(old instanceof Tuple)) {
        setEntry(merged, key, mergeAIntoB(rest, old as unknown[], allowListKeys, at));
      } else throw clash(key, at, rest, old, isFloatEntry(merged, key), span);
      moveSource(a, key, merged, key);
    } else {
      setEntry(merged, key, deepCopy(value));
      moveSource(a, key, merged, key);
    }
  }
  return merged;
}

interface Place {
  readonly allowListKeys: boolean;
  readonly at: string;
  readonly span: Span | undefined;
}
function mergeIntoList(a: PlainDict, key: string, value: unknown, list: unknown[], place: Place): void {
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
  if (!isDict(value) || !(isDict(old) || (Array.isArray(old) && !(old instanceof Tuple)))) {
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
  list[index] = mergeAIntoB(value, old as PlainDict | unknown[], allowListKeys, at);
  moveSource(a, key, list, index);
}

/** `_delete_` is read for its truth and leaves the dict either way. */
function takeDeleteTag(value: PlainDict): { isDeleting: boolean; rest: PlainDict } {
  if (!Object.hasOwn(value, DELETE_KEY)) return { isDeleting: false, rest: value };
  const rest = shallowCopy(value);
  const tag = rest[DELETE_KEY];
  deleteEntry(rest, DELETE_KEY);
  return { isDeleting: isTruthyPlain(tag), rest };
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
  value: PlainDict,
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
