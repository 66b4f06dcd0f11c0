// The classes of weights that a run begins with, against those of its data.

import type { Problem } from '../contracts/problem.ts';

/** Weights that a run goes on from, or starts with. */
export interface GivenWeights {
  readonly path: string;
  /** `meta.CLASSES` of the checkpoint, in label order; null where it has none. */
  readonly classes: readonly string[] | null;
  /** Resumed or tested: other classes than the data's can't be meant. */
  readonly mustMatch: boolean;
}

/** The classes that a checkpoint's meta tells, in label order. */
export function classesOfMeta(meta: ReadonlyMap<string, unknown>): readonly string[] | null {
  const classes: unknown = meta.get('CLASSES');
  if (!Array.isArray(classes) || classes.length === 0) return null;
  const names: unknown[] = classes;
  return names.every((name) => typeof name === 'string') ? names : null;
}

/** Whether the data must number their labels otherwise, so that the weights keep their meaning: the same names, in another order. */
export function isReordered(classes: readonly string[], ofData: readonly string[]): boolean {
  return isSameSet(classes, ofData) && classes.some((name, label) => name !== ofData[label]);
}

/** Tell of weights whose classes have other names than the data's. */
export function classProblems(
  { path, classes, mustMatch }: GivenWeights,
  ofData: readonly string[],
): Problem[] {
  if (classes === null || isSameSet(classes, ofData)) return [];
  return [
    {
      severity: mustMatch ? 'error' : 'warning',
      code: 'checkpoint-classes-differ',
      message: `the weights of ${path} are of the classes ${shown(classes)}, but the data has ${shown(ofData)}`,
      path: 'data.train',
      hint: mustMatch
        ? 'give data.train.classes the names of the checkpoint; load_from starts a new run from its weights'
        : 'what the classification layer has learnt belongs to the classes of the checkpoint, in its order',
    },
  ];
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

const SHOWN = 10;

function shown(classes: readonly string[]): string {
  const rest = classes.length > SHOWN ? `, … (${classes.length})` : '';
  return `${classes.slice(0, SHOWN).join(', ')}${rest}`;
}
