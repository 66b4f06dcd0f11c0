// The kinds by name, for what has no declaration of its own: constructors of people's classes, as the compiler reads them.

import { Tuple } from '../util/tuple.ts';
import {
  above,
  atLeast,
  bool,
  dict,
  flag,
  int,
  kindOf,
  listOf,
  number,
  oneOrMore,
  orNone,
  str,
  tuplePairOf,
  type Kind,
} from './args/index.ts';

const intPair = tuplePairOf(int);

const KINDS = {
  int,
  'positive int': atLeast(int, 1),
  number,
  'positive number': above(number, 0),
  flag,
  bool,
  str,
  'str or strs': oneOrMore(str),
  dict,
  ints: listOf(int),
  'positive ints': listOf(atLeast(int, 1)),
  numbers: listOf(number),
  'int pairs': kindOf<readonly (readonly [number, number])[]>(
    'list of (int, int)',
    'a list of tuples of two whole numbers',
    (value) =>
      Array.isArray(value) &&
      !(value instanceof Tuple) &&
      value.every((pair) => intPair.fault(pair) === null),
  ),
} as const satisfies Record<string, Kind<never> | Kind<unknown>>;

type Name = keyof typeof KINDS;

/** The shape of one argument; with a `?`, None will do as well. */
export type ArgKind = Name | `${Name}?`;

const byName = new Map<string, Kind<unknown>>(
  Object.entries(KINDS).flatMap(([name, kind]) => [
    [name, kind as Kind<unknown>],
    [`${name}?`, orNone(kind as Kind<unknown>)],
  ]),
);

/** @param kind the kind itself, or its name */
export function kindNamed(kind: ArgKind | Kind<unknown>): Kind<unknown> {
  const found = typeof kind === 'string' ? byName.get(kind) : kind;
  if (!found) throw new TypeError(`internal: no kind is called ${String(kind)}`);
  return found;
}

/**
 * Check a value against a shape.
 * @returns what it must be, in words, or null when it fits
 * @example unmetKind(3, 'ints') // 'a list or tuple of whole numbers'
 */
export function unmetKind(value: unknown, kind: ArgKind | Kind<unknown>): string | null {
  const known = kindNamed(kind);
  return value === undefined || known.fault(value) === null ? null : known.words;
}
