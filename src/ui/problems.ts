// The one list of what is wrong: the plan's problems, type errors of modules, and why the last run failed, each said once.

import type { Problem } from '../contracts/problem.ts';
import type { Diagnostic } from '../errors/diagnostic.ts';
import type { ErrorReport } from '../errors/trainerError.ts';
import { plural } from './format.ts';

/** What there is to list. */
export interface ProblemSources {
  /** Of the config and everything below it. */
  readonly planned: readonly Problem[];
  /** TypeScript's, of the modules that a run would import. */
  readonly types: readonly Diagnostic[];
  /** Why the last run failed; null when it did not. */
  readonly failure: ErrorReport | null;
}

/** An entry of the list. */
export interface ListedProblem extends Problem {
  /** Whether Train waits until it is mended; a failed run may be tried again. */
  readonly stopsTrain: boolean;
}

/**
 * Put all problems into one list: errors first, those of a file in the order of its text.
 *
 * The plan's word counts before TypeScript's about the same line, and before that of a run that failed for the same reason.
 */
export function listProblems({ planned, types, failure }: ProblemSources): ListedProblem[] {
  const own = planned.map((one) => ({ ...one, stopsTrain: one.severity === 'error' }));
  const isToldFailure = failure !== null && own.some((one) => one.message === failure.message);
  const run: ListedProblem[] =
    failure?.span && !isToldFailure ? [{ ...failure, severity: 'error', stopsTrain: false }] : [];
  const lines = new Set([...own, ...run].flatMap(({ span }) => (span ? [`${span.file}:${span.line}`] : [])));
  const others = asProblems(types)
    .filter(({ span }) => !span || !lines.has(`${span.file}:${span.line}`))
    .map((one) => ({ ...one, stopsTrain: one.severity === 'error' }));
  const all = [...own, ...run, ...others];
  const of = (severity: Problem['severity']): ListedProblem[] =>
    all.filter((one) => one.severity === severity).toSorted(byPlace);
  return [...of('error'), ...of('warning')];
}

/** What has no place comes first, and files by name. */
function byPlace(a: Problem, b: Problem): number {
  const [fileA = '', fileB = ''] = [a.span?.file, b.span?.file];
  if (fileA !== fileB) return fileA < fileB ? -1 : 1;
  return (a.span?.from ?? 0) - (b.span?.from ?? 0);
}

/** Diagnostics without those that are no problem. */
export function asProblems(diagnostics: readonly Diagnostic[]): Problem[] {
  return diagnostics.flatMap(({ severity, ...rest }) => (severity === 'info' ? [] : [{ severity, ...rest }]));
}

/** `2 errors, 1 warning`; `No problems`. */
export function countText(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [errors > 0 && plural(errors, 'error'), warnings > 0 && plural(warnings, 'warning')];
  return parts.filter((part) => part !== false).join(', ') || 'No problems';
}

/** The name in `did you mean 'x'?`; null in other texts. */
export function suggestedName(text: string): string | null {
  const found = /did you mean (?:'([^']+)'|([\w.]+))\?/i.exec(text);
  return found?.[1] ?? found?.[2] ?? null;
}

/**
 * Put a name in place of the one that is written.
 * @param written a key or a value as it stands in the text: `lrr`, `'SDG'`
 * @returns it with its quotes kept; null where more than a name is written
 */
export function replaceName(written: string, name: string): string | null {
  const quote = /^(["'])[^"'\\\n]*\1$/.exec(written)?.[1];
  if (quote !== undefined) return `${quote}${name}${quote}`;
  return /^[\p{L}_][\p{L}\p{N}_.]*$/u.test(written) ? name : null;
}
