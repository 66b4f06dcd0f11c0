import type { Problem } from '../contracts/problem.ts';
import { TrainerError, toErrorReport } from '../errors/trainerError.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';

/** An error as a problem of the config. @param dict the resolved config, for the place */
export function problemOf(error: unknown, dict: Readonly<Record<string, unknown>>): Problem {
  const { code, message, path, span, hint } = toErrorReport(error);
  return locateProblem({ severity: 'error', code, message, path, span, hint }, dict);
}

/** The same problem with its place in the config's text, where it has none and its path is one of this config's. */
export function locateProblem(problem: Problem, dict: Readonly<Record<string, unknown>>): Problem {
  const { path, at, span } = problem;
  if (span || path === undefined) return problem;
  return { ...problem, span: spanOfPath(dict, path, at) };
}

/** What a check finds; that it throws is a problem, too. @param dict the resolved config, for places */
export function foundBy(
  check: () => readonly Problem[],
  dict: Readonly<Record<string, unknown>>,
): readonly Problem[] {
  try {
    return check();
  } catch (error) {
    return [problemOf(error, dict)];
  }
}

/** A problem as an error to throw: with the class that says whose fault it is. */
export class PlanError extends TrainerError {
  override readonly name = 'ConfigError';
  override readonly isInputError = true;

  constructor({ message, code, path, span, hint }: Problem) {
    super(message, { code, path, span, hint });
  }
}

/** Errors first; each problem once, however it was found, and in the part of the config where it is worst. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const of = (list: readonly Problem[], wanted: Problem['severity']): Problem[] =>
    list.filter(({ severity }) => severity === wanted);
  const byText = new Map<string, Problem>();
  for (const problem of [...of(problems, 'error'), ...of(problems, 'warning')]) {
    const key = `${problem.severity} ${problem.path ?? ''} ${problem.message}`;
    const known = byText.get(key);
    if (!known?.span) byText.set(key, problem);
  }
  // Two pipelines may have been written once.
  const byPlace = new Map<string, Problem>();
  for (const problem of byText.values()) {
    const { message, span, path = '' } = problem;
    const key = `${span ? `${span.file}:${span.from}` : path} ${message}`;
    if (!byPlace.has(key)) byPlace.set(key, problem);
  }
  return onePerValue([...byPlace.values()]);
}

/** What a builder says of a value or a slip that was found before, in its own words, is left out. */
function onePerValue(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const subject = subjectOf(problem);
    if (subject === null) return true;
    const isNew = !seen.has(subject);
    seen.add(subject);
    // Of a slip the key says enough: what it means isn't missing besides.
    const meant = /^did you mean '(\w+)'\?$/.exec(problem.hint ?? '')?.[1];
    if (meant !== undefined) seen.add(`missing ${(problem.path ?? '').replace(/\.?[^.]*$/, '')}.${meant}`);
    return isNew;
  });
}

const WRONG_VALUE: readonly string[] = ['bad-value', 'bad-type', 'not-a-dict', 'unknown-type'];

function subjectOf({ severity, path, code, hint = '' }: Problem): string | null {
  if (path === undefined) return null;
  if (code === 'unknown-argument' || code === 'unread-key') return `key ${path}`;
  if (severity === 'warning') return null;
  // compatCfg has moved what stands in `data` into the loaders.
  if (WRONG_VALUE.includes(code)) return `value ${path.replace(/^data\.\w+_dataloader\./, 'data.')}`;
  if (code === 'missing-policy') return `missing ${path}.policy`;
  const missing = code === 'missing-argument' ? /^write (\w+)=/.exec(hint)?.[1] : undefined;
  return missing === undefined ? null : `missing ${path}.${missing}`;
}
