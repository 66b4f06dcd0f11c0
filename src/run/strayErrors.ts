// Errors that nobody waits for: a promise that a person's code started and left alone, a timer's callback.

import { RunError, TrainerError } from '../errors/trainerError.ts';
import type { RunControl } from '../runner/runControl.ts';
import type { UserModules } from '../usercode/userModules.ts';

/** Takes such an error. @returns false when it isn't this run's */
export type TakeStray = (error: unknown) => boolean;

/** Where such errors come up: a process, a worker. @returns stops handing them over */
export type WatchStray = (take: TakeStray) => () => void;

/**
 * End a run with what its modules threw beside it, at their line.
 * @returns stops that
 */
export function failOnStray(
  watch: WatchStray | undefined,
  control: Pick<RunControl, 'fail'>,
  modules: UserModules,
): () => void {
  if (!watch) return () => undefined;
  return watch((error) => {
    const located = modules.locate(error);
    if (!(located instanceof TrainerError) || !located.span) return false;
    const { message, span, path } = located;
    control.fail(
      new RunError(`nobody waited for what failed: ${message}`, {
        code: 'stray-error',
        span,
        path,
        hint: 'await the promise, or return it from the method that starts it',
      }),
    );
    return true;
  });
}
