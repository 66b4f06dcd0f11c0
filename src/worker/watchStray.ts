// Where errors that nobody waits for come up in a worker.

import { toErrorReport } from '../errors/trainerError.ts';
import type { TakeStray } from '../usercode/strayErrors.ts';

/**
 * Hand such errors over: untaken, those of timers end the worker, and those of promises only reach the console.
 * @returns stops that
 */
export function watchStray(take: TakeStray): () => void {
  const onError = (event: ErrorEvent): void => {
    if (take(errorOf(event))) event.preventDefault();
  };
  const onRejection = (event: PromiseRejectionEvent): void => {
    if (take(event.reason)) event.preventDefault();
  };
  self.addEventListener('error', onError);
  self.addEventListener('unhandledrejection', onRejection);
  return () => {
    self.removeEventListener('error', onError);
    self.removeEventListener('unhandledrejection', onRejection);
  };
}

/** What was thrown; where that is no Error, one with the place that the event knows. */
function errorOf({ error, filename, lineno, colno }: ErrorEvent): unknown {
  if (error instanceof Error) return error;
  const made = new Error(toErrorReport(error).message);
  made.stack = `Error\n    at ${filename}:${lineno}:${colno}`;
  return made;
}
