import type { Span } from './span.ts';

/** One finding about user text: data, never thrown. The editor underlines `span`. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  /** Stable kebab-case identifier, such as `unknown-name`. */
  readonly code: string;
  /** Subject, requirement, actual value; one sentence. */
  readonly message: string;
  readonly span: Span;
  /** What to do about it. */
  readonly hint?: string;
}
