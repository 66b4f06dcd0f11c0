// From an error that a person's code threw to the line of theirs that did it.

import { pointSpan, type Span } from '../errors/span.ts';
import { toErrorReport, TrainerError, UserCodeError } from '../errors/trainerError.ts';
import type { TranspiledModule } from './transpile.ts';

const SCHEME = 'user-module:///';

/** The address that a module's code has in stack traces and in the browser's debugger. */
export function sourceUrl(path: string, runId: number): string {
  return `${SCHEME}${encodeURI(path)}?run=${runId}`;
}

/** Whether an error was thrown in a person's module, of this run or an earlier one. */
export function isOfModule(error: unknown): boolean {
  return error instanceof Error && (error.stack ?? '').includes(SCHEME);
}

/** A line of a stack trace that lies in a person's module, in its own text. */
export interface UserFrame {
  readonly span: Span;
  /** Such as `MyHook.afterTrainIter`; empty at a module's top level. */
  readonly functionName: string;
}

// V8: `at async MyHook.afterTrainIter (URL:3:5)`, `at URL:3:5`; Firefox and Safari: `afterTrainIter@URL:3:5`.
const FRAME =
  /(?:at (?:async )?([^(\n]*?) ?\(?|([^@\n]*)@)user-module:\/\/\/([^\s?]+)\?run=(\d+):(\d+):(\d+)/;

/**
 * The innermost frame of an error that lies in one of these modules.
 * @param runId frames of other runs' modules are not theirs
 */
export function userFrame(
  error: unknown,
  modules: ReadonlyMap<string, TranspiledModule>,
  runId: number,
): UserFrame | null {
  if (!(error instanceof Error)) return null;
  for (const line of (error.stack ?? '').split('\n')) {
    const match = FRAME.exec(line);
    if (!match || Number(match[4]) !== runId) continue;
    const path = decodeURI(match[3] ?? '');
    const place = modules.get(path)?.map.original({ line: Number(match[5]), column: Number(match[6]) });
    if (!place) continue;
    return {
      span: pointSpan(path, place.line, place.column),
      functionName: readableName(match[1] ?? match[2] ?? ''),
    };
  }
  return null;
}

/** Evaluating a module shows as `eval`, `Object.<anonymous>` and the like: its top level. */
function readableName(name: string): string {
  return /^(eval|anonymous|Object\.eval|(Object\.)?<anonymous>|_?classThis)?$/.test(name) ? '' : name;
}

/**
 * Give an error its place in the person's code.
 * @returns a UserCodeError for what their code threw; for an error of ours that has no place yet, a copy with one; else
 * the error itself
 */
export function locateUserError(
  error: unknown,
  modules: ReadonlyMap<string, TranspiledModule>,
  runId: number,
): unknown {
  const chain = causes(error);
  const frame = chain.map((cause) => userFrame(cause, modules, runId)).findLast((found) => found !== null);
  if (!frame) return error;
  const root = chain.at(-1);
  if (root instanceof TrainerError) {
    if (!(error instanceof TrainerError) || error.span) return error;
    return error.with({ span: frame.span });
  }
  const outer = error instanceof TrainerError ? error : null;
  return new UserCodeError(
    outer?.message ?? `${frame.functionName || 'the module'} threw ${describe(root)}`,
    {
      code: 'user-code-failed',
      span: frame.span,
      path: outer?.path,
      hint: outer?.hint,
      cause: error,
    },
  );
}

/** The error and what caused it, outermost first. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let cause = error; cause !== undefined && !chain.includes(cause);) {
    chain.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return chain;
}

/** `TypeError: x is undefined` */
export function describe(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : toErrorReport(thrown).message;
}
