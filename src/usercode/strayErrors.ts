// Errors that nobody waits for: a promise that a person's code started and left alone, a timer's callback.

import { RunError, TrainerError } from '../errors/trainerError.ts';
import type { UserModules } from './userModules.ts';

/** Takes such an error. @returns false when it isn't of these modules */
export type TakeStray = (error: unknown) => boolean;

/** Where such errors come up: a process, a worker. @returns stops handing them over */
export type WatchStray = (take: TakeStray) => () => void;

/**
 * Hear what modules threw beside what they were asked for.
 * @param onError gets a RunError `stray-error` with the place in the module
 * @returns stops that
 */
export function takeStrays(
  watch: WatchStray | undefined,
  modules: UserModules,
  onError: (error: RunError) => void,
): () => void {
  if (!watch) return () => undefined;
  return watch((error) => {
    const located = modules.locate(error);
    if (!(located instanceof TrainerError) || !located.span) return false;
    const { message, span, path } = located;
    onError(
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
