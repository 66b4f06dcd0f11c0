// The recordings that a step keeps, one per signature, and when they are looked at again.
import { at } from '../../util/at.ts';
import type { Replay } from './replay.ts';

/** A recorded step that is ready to be replayed. */
export class Capture<A> {
  readonly replay: Replay<A>;
  /** Something outside may have changed what the body does. */
  isSuspect = false;
  #args: WeakRef<object> | null;
  /** Steps since it was recorded, that one not counted. */
  #steps = 0;

  /** @param args what the body was recorded with; not kept alive */
  constructor(replay: Replay<A>, args: A) {
    this.replay = replay;
    this.#args = weakly(args);
  }

  /** Steps since it was recorded. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Count a step, and tell whether the body must be recorded again to see that it still does the same. That takes other
   * arguments than before: with the same ones a body can't show that it depends on them. Due at the first step that has
   * others, then at ever longer intervals (2, 4, 8… steps), since two batches may agree by chance.
   */
  isDue(args: A): boolean {
    if (this.#args?.deref() !== args || this.#args === null) {
      this.#args = weakly(args);
      this.#steps += 1;
      // Powers of two.
      if ((this.#steps & (this.#steps - 1)) === 0) return true;
    }
    return this.isSuspect;
  }
}

// A batch must not live on for the sake of a comparison. Numbers and null say nothing: every step counts as another.
function weakly(args: unknown): WeakRef<object> | null {
  return typeof args === 'object' && args !== null ? new WeakRef(args) : null;
}

/** Multi-scale training has dozens of shapes. A recording of a ResNet-50 detector takes 1 to 2 MB of the heap. */
const MAX_CAPTURES = 64;
/** A recording that was not used for so many steps makes room first, however often it was used before. */
const STALE_STEPS = 4 * MAX_CAPTURES;

interface Kept<A> {
  readonly capture: Capture<A>;
  lastUse: number;
}

/**
 * A bounded cache of captures. Where all places are taken, the one that was used in the fewest steps goes, of several the
 * latest: with more shapes than places those that come often stay, and rare ones replace one another. (The least
 * recently used one would be the very shape that an evaluation in order needs next.) A shape without a place is recorded
 * each time, which takes about as long as an eager step, but no more memory than the others.
 */
export class Captures<A> {
  /** By signature, the least recently used first. */
  readonly #kept = new Map<string, Kept<A>>();
  #uses = 0;

  get(signature: string): Capture<A> | undefined {
    return this.#kept.get(signature)?.capture;
  }

  /** Keep it as the one used last; another one of the signature is freed, and where there are too many, a third. */
  use(signature: string, capture: Capture<A>): Capture<A> {
    this.#uses += 1;
    const before = this.#kept.get(signature);
    if (before && before.capture !== capture) before.capture.replay.dispose();
    if (!before && this.#kept.size >= MAX_CAPTURES) this.drop(this.#leastWanted());
    this.#kept.delete(signature);
    this.#kept.set(signature, { capture, lastUse: this.#uses });
    return capture;
  }

  /** Free one, if it is there. */
  drop(signature: string): void {
    this.#kept.get(signature)?.capture.replay.dispose();
    this.#kept.delete(signature);
  }

  /** The one used last. */
  get latest(): Capture<A> | undefined {
    return [...this.#kept.values()].at(-1)?.capture;
  }

  suspectAll(): void {
    for (const { capture } of this.#kept.values()) capture.isSuspect = true;
  }

  dispose(): void {
    for (const signature of [...this.#kept.keys()]) this.drop(signature);
  }

  #leastWanted(): string {
    const kept = [...this.#kept];
    const [oldest, { lastUse }] = at(kept, 0);
    if (this.#uses - lastUse > STALE_STEPS) return oldest;
    const [least] = kept.reduce((a, b) => (b[1].capture.steps <= a[1].capture.steps ? b : a));
    return least;
  }
}
