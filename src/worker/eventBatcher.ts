// Gathers a run's events so that the page is told about ten times a second, however fast the loop turns.

import type { RunEvent } from '../contracts/runEvents.ts';

/** The least time between two batches. */
export const BATCH_INTERVAL_MS = 100;

/** Events that must be on the screen at once. */
const URGENT: ReadonlySet<RunEvent['name']> = new Set([
  'run.phaseChanged',
  'run.started',
  'run.checkpointed',
]);

export interface EventBatcher {
  push(event: RunEvent): void;
  /** Send what is left. */
  flush(): void;
}

/** Send at once what is urgent, the rest in batches; only the newest `run.progressed` of a batch is kept. */
export function createEventBatcher(
  send: (events: readonly RunEvent[]) => void,
  now: () => number = () => performance.now(),
): EventBatcher {
  let waiting: RunEvent[] = [];
  let lastSentMs = -Infinity;
  let timer: ReturnType<typeof setTimeout> | null = null;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    lastSentMs = now();
    send(events);
  };
  return {
    flush,
    push(event) {
      if (event.name === 'run.progressed') waiting = waiting.filter((e) => e.name !== 'run.progressed');
      waiting.push(event);
      // The clock decides, not the timer alone: a busy loop lets no timer fire.
      const dueInMs = lastSentMs + BATCH_INTERVAL_MS - now();
      if (URGENT.has(event.name) || dueInMs <= 0) flush();
      else timer ??= setTimeout(flush, dueInMs);
    },
  };
}
