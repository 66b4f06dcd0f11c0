// Which label each class has: labels go by name.

import { DatasetError } from '../errors/trainerError.ts';
import { firstOf } from '../util/firstOf.ts';
import { nearest } from '../util/nearest.ts';

/** Where the names of a dataset's classes come from. */
export interface ClassSource {
  /** The config's own `classes`. */
  readonly own: readonly string[] | null;
  /** Those of the model, in label order, when the dataset is evaluated with it. */
  readonly followed: readonly string[] | null;
}

/**
 * The classes of a dataset in label order: the model's where it is evaluated on one, else its own `classes`.
 * @returns null where neither is given
 * @throws DatasetError `classes-differ` where its own classes are others than the model's
 */
export function chosenClasses({ own, followed }: ClassSource): readonly string[] | null {
  if (own === null || followed === null) return own ?? followed;
  if (haveSameNames(own, followed)) return followed;
  const missing = own.filter((name) => !followed.includes(name));
  const extra = followed.filter((name) => !own.includes(name));
  throw new DatasetError(
    `classes must be those that the model is trained on, by name, but ${[
      ...(missing.length > 0
        ? [`${quoted(missing)} ${missing.length === 1 ? 'is' : 'are'} none of them`]
        : []),
      ...(extra.length > 0 ? [`${quoted(extra)} ${extra.length === 1 ? 'is' : 'are'} missing`] : []),
    ].join(' and ')}`,
    { code: 'classes-differ', hint: `write classes=${tupleText(followed)}, in any order` },
  );
}

/** Whether two lists hold the same names in whatever order. */
export function haveSameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/**
 * Match class names with those that the annotations use.
 * @param inFile names that the annotation file has
 * @throws DatasetError `unknown-classes` when none matches; where the classes are the model's also when each side has
 * a name that the other lacks: one was renamed
 */
export function checkNames(
  wanted: readonly string[],
  inFile: readonly string[],
  { own, followed }: ClassSource,
  path: string,
): void {
  const missing = wanted.filter((name) => !inFile.includes(name));
  const foreign = inFile.filter((name) => !wanted.includes(name));
  if (missing.length < wanted.length && (own !== null || followed === null)) return;
  if (missing.length < wanted.length && (missing.length === 0 || foreign.length === 0)) return;
  const near = nearest(missing[0] ?? '', foreign);
  const what =
    missing.length === wanted.length
      ? `none of ${quoted(wanted)} is among ${foreign.length === 0 ? 'its (no) categories' : quoted(foreign)}`
      : `it lacks ${quoted(missing)} and has ${quoted(foreign)}`;
  throw new DatasetError(`classes must name categories of ${path}, but ${what}`, {
    code: 'unknown-classes',
    path,
    hint: near
      ? `did you mean '${near}'?`
      : `write classes=${tupleText(followed === null ? inFile : [...wanted])}`,
  });
}

/** A Python tuple of names. */
export function tupleText(names: readonly string[]): string {
  return `(${names.map((name) => `'${name}',`).join(' ')})`;
}

function quoted(names: readonly string[]): string {
  return firstOf(
    names.map((name) => `'${name}'`),
    5,
  );
}
