// MMCV's checks of sequences. Source: mmcv 1.7.2 `utils/misc.py`.

import { Tuple } from '../util/tuple.ts';

/** A class, or one of JavaScript's for plain values: Number, String, Boolean; Object is any dict. */
export type ItemType = abstract new (...args: never) => unknown;

/**
 * Whether a value is a list or tuple of items of a type only.
 * @example isSeqOf([1, 2], Number) // true
 */
export function isSeqOf(value: unknown, type: ItemType): boolean {
  return Array.isArray(value) && value.every((item) => isOf(item, type));
}

/** {@link isSeqOf} for lists, not tuples. */
export function isListOf(value: unknown, type: ItemType): boolean {
  return !(value instanceof Tuple) && isSeqOf(value, type);
}

/** {@link isSeqOf} for tuples of a config. */
export function isTupleOf(value: unknown, type: ItemType): boolean {
  return value instanceof Tuple && isSeqOf(value, type);
}

function isOf(item: unknown, type: ItemType): boolean {
  if (item instanceof type) return true;
  const plain: Partial<Record<string, ItemType>> = { number: Number, string: String, boolean: Boolean };
  return plain[typeof item] === type;
}
