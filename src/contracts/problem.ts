// What is wrong, or doesn't do what it says, with a run that has not begun. Plain data, found without a GPU.

import { formatSpan, type Span } from '../errors/span.ts';

export interface Problem {
  /** An error stops Train; a warning is told and the run goes on. */
  readonly severity: 'error' | 'warning';
  /** Stable kebab-case identifier, such as `never-logged`. */
  readonly code: string;
  /** Subject, requirement, actual value; one sentence. */
  readonly message: string;
  /** Place in the config, such as `log_config.interval`, or of a file. */
  readonly path?: string;
  /** Whether the key at `path` is wrong, or its value. Default value. */
  readonly at?: 'key' | 'value';
  /** Where it was written; known where the config has text. */
  readonly span?: Span;
  /** What to do about it. */
  readonly hint?: string;
}

/** One line, with place and hint: what a log says. */
export function problemText({ message, path, span, hint }: Problem): string {
  const place = span ? ` (${span.file}:${span.line}:${span.column})` : path === undefined ? '' : ` (${path})`;
  return `${message}${place}${hint === undefined ? '' : `; ${hint}`}`;
}

/** `configs/a.py:4:9: error: … (code)`, which editors and terminals turn into a link, with path and hint below. */
export function problemLines({ severity, message, path, span, hint, code }: Problem): string {
  const place = span ? `${formatSpan(span)}: ` : '';
  return [`${place}${severity}: ${message} (${code})`, ...detailLines({ path, hint })].join('\n  ');
}

/** `at model.neck` and `hint: …`, where they are known. */
export function detailLines({ path, hint }: Pick<Problem, 'path' | 'hint'>): string[] {
  return [...(path === undefined ? [] : [`at ${path}`]), ...(hint === undefined ? [] : [`hint: ${hint}`])];
}
