import { turn } from '../util/turn.ts';

/** Iterations in the GPU's queue: one that runs and one that waits. */
const MIN_DEPTH = 2;
const MAX_DEPTH = 16;
/** Waits without the queue running dry before a shorter one is tried. */
const CALM_WAITS = 32;

interface QueuedIter {
  readonly done: Promise<void>;
  isDone: boolean;
}

/**
 * Keeps the host a few iterations ahead of the GPU, and no more: a longer queue is no faster, and a stop has to wait for
 * all of it. How many are enough depends on how late the GPU's news come: Firefox looks for finished work every 100 ms,
 * so that with two short iterations in its queue the GPU would be idle most of the time. Whenever the queue turns out to
 * be empty at the end of a wait, it becomes twice as long, up to 16; where it never is, shorter again.
 */
export class QueuePace {
  /** The oldest first. */
  readonly #queued: QueuedIter[] = [];
  readonly #turn: () => Promise<void>;
  #depth = MIN_DEPTH;
  #calmWaits = 0;

  /** @param letMessagesIn gives other tasks their turn: what finished at the same time is told in it, "pause" is heard */
  constructor(letMessagesIn: () => Promise<void> = turn) {
    this.#turn = letMessagesIn;
  }

  /** Iterations that may be queued. */
  get depth(): number {
    return this.#depth;
  }

  /**
   * Queue an iteration, let waiting messages in, and wait while too many are queued.
   * @param done settles when the GPU is done with it; a failure is thrown when its turn comes
   */
  async add(done: Promise<void>): Promise<void> {
    const iter: QueuedIter = { done, isDone: false };
    const settle = (): void => {
      iter.isDone = true;
    };
    // Told by whoever waits for it; those behind it must not count as unhandled.
    done.then(settle, settle);
    this.#queued.push(iter);
    let hasWaited = false;
    while (this.#queued.length > this.#depth) {
      const oldest = this.#queued.shift();
      hasWaited ||= oldest?.isDone === false;
      await oldest?.done;
    }
    await this.#turn();
    if (hasWaited) this.#adapt();
  }

  #adapt(): void {
    const left = this.#queued.filter(({ isDone }) => !isDone).length;
    this.#calmWaits = left > 1 ? this.#calmWaits + 1 : 0;
    if (left === 0) this.#depth = Math.min(MAX_DEPTH, 2 * this.#depth);
    if (this.#calmWaits < CALM_WAITS) return;
    this.#calmWaits = 0;
    this.#depth = Math.max(MIN_DEPTH, this.#depth - 1);
  }
}
