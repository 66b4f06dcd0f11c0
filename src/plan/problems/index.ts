import type { Problem } from '../../contracts/problem.ts';
import { spanOfPath } from '../../lang/spanOfPath.ts';
import { sectionProblems } from '../sections/sectionProblems.ts';
import { foreignKeys } from './foreignKeys.ts';
import type { ConfigInput, KnownRun } from './keys.ts';
import { neverActing } from './neverActs.ts';
import { sizesOutOfBounds } from './sizes.ts';

export { foreignKeys } from './foreignKeys.ts';
export type { KnownRun } from './keys.ts';

/**
 * What can be said of a resolved config without building anything: values out of range, keys that nothing reads, settings that never act.
 * What registered classes take is theirs to check.
 * @param dict resolved, after `replaceCfgVals` and `compatCfg`; borrowed
 * @param known what is known of the run besides; without the length of an epoch, what depends on it is left out
 * @returns errors first, each with its place where the config has text
 */
export function findConfigProblems(dict: ConfigInput, known: KnownRun = {}): Problem[] {
  const problems = [
    ...sectionProblems(dict),
    ...sizesOutOfBounds(dict),
    ...foreignKeys(dict),
    ...neverActing(dict, known),
  ];
  const found = problems.map((problem) => placed(problem, dict));
  return found
    .filter((problem, i) => found.findIndex((other) => isSame(problem, other)) === i)
    .toSorted((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

/** A setting that several loaders take from one place of the text is wrong once. */
function isSame(a: Problem, b: Problem): boolean {
  return (
    a.code === b.code &&
    a.message === b.message &&
    a.span?.from === b.span?.from &&
    a.span?.file === b.span?.file
  );
}

/** The same with the span of its path. */
export function placed(problem: Problem, dict: ConfigInput): Problem {
  const span = problem.span ?? (problem.path && spanOfPath(dict, problem.path, problem.at));
  return span ? { ...problem, span } : problem;
}
