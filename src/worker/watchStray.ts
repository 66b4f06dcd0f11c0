// Where errors that nobody waits for come up in a worker.

import type { TakeStray } from '../usercode/strayErrors.ts';

/**
 * Hand such errors over: untaken, those of timers end the worker, and those of promises only reach the console.
 * @returns stops that
 */
export function watchStray(take: TakeStray): () => void {
  const onError = (event: ErrorEvent): void => {
    if (take(event.error)) event.preventDefault();
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
