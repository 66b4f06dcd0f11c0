import { RunError } from '../errors/trainerError.ts';
import type { BatchLoader } from './runnerTypes.ts';

/**
 * Batches without end: begins the next epoch when one is used up.
 * Source: mmcv 1.7.2 `IterLoader` in `runner/iter_based_runner.py`.
 */
export class EndlessLoader {
  readonly loader: BatchLoader;
  #epoch: number;
  #start: number;
  #batches: AsyncGenerator<unknown> | null = null;
  #isWaiting = false;

  /** @param taken batches that a resumed run has had already */
  constructor(loader: BatchLoader, taken = 0) {
    this.loader = loader;
    // At a boundary the old epoch counts until the next batch is asked for.
    this.#epoch = taken === 0 ? 0 : Math.ceil(taken / loader.length) - 1;
    this.#start = taken - this.#epoch * loader.length;
  }

  /** How often the loader began anew. */
  get epoch(): number {
    return this.#epoch;
  }

  /** @throws RunError `empty-loader` when an epoch has no batch */
  async next(): Promise<unknown> {
    this.#isWaiting = true;
    const batch = await this.#next();
    this.#isWaiting = false;
    return batch;
  }

  async #next(): Promise<unknown> {
    this.#batches ??= this.loader.epoch(this.#epoch, this.#start);
    let result = await this.#batches.next();
    if (result.done) {
      this.#epoch += 1;
      this.#start = 0;
      this.#batches = this.loader.epoch(this.#epoch);
      result = await this.#batches.next();
    }
    if (result.done) {
      throw new RunError('a data loader must have at least one batch, but has none', {
        code: 'empty-loader',
        path: 'data',
      });
    }
    return result.value;
  }

  /** Let go of what is being decoded ahead. */
  async close(): Promise<void> {
    const end = this.#batches?.return(undefined);
    // Behind a batch that nobody waits for any more its end may take for ever.
    if (this.#isWaiting) end?.catch(() => undefined);
    else await end;
  }
}
