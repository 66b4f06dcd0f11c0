import { formatSpan, type Span } from './span.ts';

export interface TrainerErrorOptions {
  /** Stable kebab-case identifier, such as `unknown-type`. */
  code: string;
  /** Where in the user's text it started. */
  span?: Span;
  /** Path of the value in the config, such as `model.neck.in_channels`, or of a file. */
  path?: string;
  /** What the person can do about it. */
  hint?: string;
  cause?: unknown;
}

/** A plain copy of an error that can cross a worker boundary. */
export interface ErrorReport {
  name: string;
  code: string;
  message: string;
  path?: string;
  span?: Span;
  hint?: string;
  /** True when the person's input is at fault (exit code 2), false when the run failed (1). */
  isInputError: boolean;
  stack?: string;
}

/**
 * Base of every error a person may see. The message says subject, requirement, actual value.
 *
 * @example
 * new ConfigError('lr must be positive, got -1', { code: 'bad-value', path: 'optimizer.lr' }).format()
 * // 'lr must be positive, got -1\n  at optimizer.lr'
 */
export class TrainerError extends Error {
  override readonly name: string = 'TrainerError';
  /** True when the person's input (not the run, not the machine) is at fault. */
  readonly isInputError: boolean = false;
  readonly code: string;
  readonly span?: Span;
  readonly path?: string;
  readonly hint?: string;

  constructor(message: string, options: TrainerErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.span = options.span;
    this.path = options.path;
    this.hint = options.hint;
  }

  /**
   * A copy that knows more, of the same class however it is constructed: also of one that came from another worker.
   * This error is its cause.
   */
  with(known: Partial<Pick<TrainerError, 'message' | 'span' | 'path' | 'hint'>>): TrainerError {
    const { message = this.message, ...place } = known;
    const copy = new TrainerError(message, { code: this.code, cause: this });
    Object.setPrototypeOf(copy, Object.getPrototypeOf(this) as TrainerError);
    return Object.assign(copy, this, place);
  }

  /** The message with its place and its hint, one per line. */
  format(): string {
    return formatReport(toErrorReport(this));
  }
}

/** The config text, its structure or one of its values is at fault. */
export class ConfigError extends TrainerError {
  override readonly name: string = 'ConfigError';
  override readonly isInputError = true;
}

/** A `type` that is not registered, a duplicate, or an argument its class doesn't take. */
export class RegistryError extends ConfigError {
  override readonly name: string = 'RegistryError';
}

/** A dataset, an annotation file or a picture is at fault. */
export class DatasetError extends TrainerError {
  override readonly name: string = 'DatasetError';
  override readonly isInputError = true;
}

/** A checkpoint file is damaged, foreign or unsafe. */
export class CheckpointError extends TrainerError {
  override readonly name: string = 'CheckpointError';
  override readonly isInputError = true;
}

/** What a storage fails with whatever the person asked for. */
const STORAGE_FAILURES = ['storage-full', 'io', 'busy', 'closed', 'work-dir-gone'];

/** A file is missing, outside its root, or the disk is full. */
export class StorageError extends TrainerError {
  override readonly name: string = 'StorageError';
  override readonly isInputError: boolean = !STORAGE_FAILURES.includes(this.code);
}

/** The GPU is missing, lost or out of memory. */
export class DeviceError extends TrainerError {
  override readonly name: string = 'DeviceError';
}

/** The training loop itself failed: a NaN loss, a throwing hook. */
export class RunError extends TrainerError {
  override readonly name: string = 'RunError';
}

/** Code that the person wrote threw or does not compile. */
export class UserCodeError extends TrainerError {
  override readonly name: string = 'UserCodeError';
  override readonly isInputError = true;
}

/** Turn anything thrown into plain data. Shape of {@link ErrorReport}. */
export function toErrorReport(error: unknown): ErrorReport {
  if (error instanceof TrainerError) {
    const { name, code, message, path, span, hint, isInputError, stack } = error;
    return { name, code, message, path, span, hint, isInputError, stack };
  }
  if (error instanceof Error) {
    return {
      name: error.name,
      code: 'internal',
      message: error.message,
      isInputError: false,
      stack: error.stack,
    };
  }
  return { name: 'Error', code: 'internal', message: textOf(error), isInputError: false };
}

/** Anything may be thrown, also what throws again when it is read. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'what was thrown has no text';
  }
}

/** Write a report the way the command line and the page show it. */
export function formatReport(report: ErrorReport): string {
  const { message, path, span, hint } = report;
  const lines = [message];
  if (path !== undefined && span) lines.push(`  at ${path} (${formatSpan(span)})`);
  else if (path !== undefined) lines.push(`  at ${path}`);
  else if (span) lines.push(`  at ${formatSpan(span)}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join('\n');
}
