// A run whose worker is ended from outside: when that may be, and what is said of it.

import { pointSpan } from '../errors/span.ts';
import { RunError, TrainerError, UserCodeError } from '../errors/trainerError.ts';
import type { RunView } from './state/runView.svelte.ts';

const CODE = 'run-ended';

/**
 * Whether a run that hasn't heard of a stop may be ended: a module holds its thread, or it has not begun. One that has begun
 * has hooks that must say good-bye: to a tracker, for example.
 */
export function canEndNow({ busy, hasBegun }: RunView): boolean {
  return busy !== null || !hasBegun;
}

/** Why the worker is ended: the module's line where one holds the thread. */
export function runEndedError(view: RunView): TrainerError {
  const { busy, hasBegun } = view;
  const last = view.checkpoints.toSorted((a, b) => b.modifiedMs - a.modifiedMs).at(0);
  const hint = !hasBegun
    ? 'nothing had been trained'
    : last
      ? `it goes on from ${last.path}`
      : 'no checkpoint had been written';
  if (!busy) return new RunError('the run was ended at once', { code: CODE, hint });
  const { file, line, column, seconds } = busy;
  return new UserCodeError(`the run was ended because the code had not come to an end for ${seconds} s`, {
    code: 'endless-loop',
    span: pointSpan(file, line, column),
    hint,
  });
}

/** Whether a person ended it, and no module was to blame. */
export function isRunEnded(error: unknown): error is TrainerError {
  return error instanceof TrainerError && error.code === CODE;
}
