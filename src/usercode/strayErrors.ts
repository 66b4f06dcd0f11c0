// Errors that nobody waits for: a promise that a person's code started and left alone, a timer's callback.

import type { Span } from '../errors/span.ts';
import { RunError, TrainerError } from '../errors/trainerError.ts';
import { describe } from './userErrors.ts';
import type { UserModules } from './userModules.ts';

/** Takes such an error. @returns false when it isn't of these modules */
export type TakeStray = (error: unknown) => boolean;

/** Where such errors come up: a process, a worker. @returns stops handing them over */
export type WatchStray = (take: TakeStray) => () => void;

const HINT = 'await the promise, or return it from the method that starts it';

/**
 * Hear what modules threw beside what they were asked for.
 * @param onError gets a RunError `stray-error` with the place in the module, which only an Error knows
 * @returns stops that
 */
export function takeStrays(
  watch: WatchStray | undefined,
  modules: UserModules,
  onError: (error: RunError) => void,
): () => void {
  if (!watch) return () => undefined;
  const fail = (message: string, options: { span?: Span; path?: string; hint: string }): true => {
    onError(new RunError(`nobody waited for what failed: ${message}`, { code: 'stray-error', ...options }));
    return true;
  };
  return watch((error) => {
    const located = modules.locate(error);
    if (located instanceof TrainerError && located.span) {
      const { message, span, path } = located;
      return fail(message, { span, path, hint: HINT });
    }
    // tabtrain itself rejects with Errors only.
    if (error instanceof Error || [...modules.modules].length === 0) return false;
    return fail(`a module threw ${describe(error)}`, {
      hint: `${HINT}; where it was thrown is unknown: write throw new Error(…)`,
    });
  });
}
