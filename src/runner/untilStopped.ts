import type { RunControl } from './runControl.ts';

/** What {@link orStop} gives instead of a result. */
export const STOPPED = Symbol('stopped');

/**
 * Wait for some work, but no longer than until Stop (or the failure of the run).
 * @returns {@link STOPPED} when that came first: nobody waits for the work any more, and how it ends is not told
 */
export async function orStop<T>(work: Promise<T>, { stopSignal }: RunControl): Promise<T | typeof STOPPED> {
  let stop = (): void => undefined;
  const stopped = new Promise<typeof STOPPED>((resolve) => {
    stop = () => resolve(STOPPED);
  });
  // Not a promise that lives as long as the run: it would keep a reaction for each wait.
  stopSignal.addEventListener('abort', stop);
  if (stopSignal.aborted) stop();
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stopSignal.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}

/**
 * The batches of a loader until Stop is heard, also while the next one is waited for. Pause holds them back.
 * @throws what the loader throws, and the failure that ends the run
 */
export async function* untilStopped<T>(batches: AsyncGenerator<T>, control: RunControl): AsyncGenerator<T> {
  let isWaiting = false;
  try {
    for (;;) {
      isWaiting = true;
      const next = await orStop(batches.next(), control);
      if (next === STOPPED) {
        control.throwFailure();
        return;
      }
      isWaiting = false;
      if (next.done || (await control.checkpoint())) return;
      yield next.value;
    }
  } finally {
    // Behind a batch that hangs its end would wait for ever.
    const end = batches.return(undefined);
    if (isWaiting) end.catch(() => undefined);
    else await end;
  }
}
