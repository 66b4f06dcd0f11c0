// Errors of evaluated Python text. They travel as exceptions inside the evaluator only; its edge turns them into
// diagnostics. The exception names are Python's, because `try`/`except` in a config and parity both speak of them.

/** Python exception names and the diagnostic code each becomes. */
export const CODE_OF_EXCEPTION = {
  SyntaxError: 'syntax',
  NameError: 'unknown-name',
  TypeError: 'wrong-type',
  ValueError: 'bad-value',
  KeyError: 'missing-key',
  IndexError: 'index-out-of-range',
  AttributeError: 'unknown-attribute',
  ZeroDivisionError: 'division-by-zero',
  OverflowError: 'overflow',
  ModuleNotFoundError: 'unknown-module',
  ImportError: 'import-failed',
  AssertionError: 'assertion-failed',
  RecursionError: 'too-deep',
  MemoryError: 'too-large',
  TimeoutError: 'too-many-steps',
  NotImplementedError: 'not-supported',
  StopIteration: 'stop-iteration',
  RuntimeError: 'runtime-error',
  Exception: 'raised',
} as const;

export type ExceptionName = keyof typeof CODE_OF_EXCEPTION;

/** Offsets [from, to) into the evaluated text. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** An exception of the evaluated text. */
export class PyError extends Error {
  readonly exception: ExceptionName;
  /** Where it started; the innermost expression that failed fills it in. */
  range: Range | null;
  readonly hint: string | undefined;
  /** The unknown name, for NameError. */
  readonly subject: string | undefined;

  constructor(
    exception: ExceptionName,
    message: string,
    options: { range?: Range; hint?: string; subject?: string } = {},
  ) {
    super(message);
    this.exception = exception;
    this.range = options.range ?? null;
    this.hint = options.hint;
    this.subject = options.subject;
  }
}

/**
 * Stops a statement whose failure is already reported (or that depends on one), so that one mistake gives one
 * diagnostic. `try` in the text can't catch it.
 */
export class Poisoned extends Error {}

const PARENTS: Partial<Record<ExceptionName, readonly string[]>> = {
  ModuleNotFoundError: ['ImportError'],
  KeyError: ['LookupError'],
  IndexError: ['LookupError'],
  ZeroDivisionError: ['ArithmeticError'],
  OverflowError: ['ArithmeticError'],
  NotImplementedError: ['RuntimeError'],
};

/** Tell whether `except name:` catches an exception. Limits of the evaluator can't be caught. */
export function isCaughtBy(exception: ExceptionName, name: string): boolean {
  if (exception === 'TimeoutError' || exception === 'MemoryError' || exception === 'RecursionError')
    return false;
  if (name === 'Exception' || name === 'BaseException' || name === exception) return true;
  return PARENTS[exception]?.includes(name) ?? false;
}
