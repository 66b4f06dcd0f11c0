// The shapes a config value may have, so that a class can declare them and needn't check each by hand.

import { isDict } from '../lang/plain.ts';
import { Tuple } from '../util/tuple.ts';

const isInt = (value: unknown): boolean => Number.isInteger(value);
const isNumber = (value: unknown): boolean => typeof value === 'number' && !Number.isNaN(value);
const isStr = (value: unknown): boolean => typeof value === 'string';
const isListOf =
  (test: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(test);
const isPairs = (value: unknown): boolean =>
  !(value instanceof Tuple) &&
  isListOf((pair) => pair instanceof Tuple && pair.length === 2 && pair.every(isInt))(value);

const KINDS = {
  int: ['a whole number', isInt],
  'positive int': ['a whole number of at least 1', (value: unknown) => isInt(value) && Number(value) >= 1],
  number: ['a number', isNumber],
  'positive number': ['a number greater than 0', (value: unknown) => isNumber(value) && Number(value) > 0],
  // As Python takes it: 0 and 1 stand for False and True.
  flag: ['True or False', (value: unknown) => typeof value === 'boolean' || value === 0 || value === 1],
  bool: ['True or False', (value: unknown) => typeof value === 'boolean'],
  str: ['a string', isStr],
  'str or strs': [
    'a string or a list or tuple of strings',
    (value: unknown) => isStr(value) || isListOf(isStr)(value),
  ],
  dict: ['a dict', isDict],
  ints: ['a list or tuple of whole numbers', isListOf(isInt)],
  'positive ints': [
    'a list or tuple of whole numbers of at least 1',
    isListOf((value) => isInt(value) && Number(value) >= 1),
  ],
  numbers: ['a list or tuple of numbers', isListOf(isNumber)],
  'int pairs': ['a list of tuples of two whole numbers', isPairs],
} as const satisfies Record<string, readonly [string, (value: unknown) => boolean]>;

type Kind = keyof typeof KINDS;

/** The shape of one argument; with a `?`, None will do as well. */
export type ArgKind = Kind | `${Kind}?`;

/**
 * Check a value against a shape.
 * @returns what it must be, in words, or null when it fits
 * @example unmetKind(3, 'ints') // 'a list or tuple of whole numbers'
 */
export function unmetKind(value: unknown, kind: ArgKind): string | null {
  const orNone = kind.endsWith('?');
  const [words, test] = KINDS[(orNone ? kind.slice(0, -1) : kind) as Kind];
  if (value === undefined || (orNone && value === null) || test(value)) return null;
  return orNone ? `${words} or None` : words;
}
