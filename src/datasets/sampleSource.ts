import { Rng } from '../util/prng.ts';
import type { Dataset } from './dataset.ts';
import { changeDataset, type DatasetChange } from './datasetChange.ts';
import { type Sample, toSample } from './sample.ts';

/** Delivers samples by index; here, or in a worker behind the same interface. */
export interface SampleSource {
  /** The same (index, epoch) gives the same sample, whatever was asked before. */
  getSample(index: number, epoch: number): Promise<Sample>;
  /** Change the dataset for the samples asked for from now on. */
  changeDataset?(change: DatasetChange): void;
}

/** Pictures decoded at the same time: enough for the decoder's threads, and a bound on memory (36 MB per 12 MP). */
const MAX_PARALLEL = 4;

/** Reads a dataset in this thread. Each sample has its own random numbers, from (seed, epoch, index). */
export class DatasetSampleSource implements SampleSource {
  readonly #dataset: Dataset;
  readonly #seed: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(dataset: Dataset, seed: number) {
    this.#dataset = dataset;
    this.#seed = seed;
  }

  async getSample(index: number, epoch: number): Promise<Sample> {
    await this.#enter();
    try {
      return toSample(await this.#dataset.getItem(index, Rng.derive(this.#seed, epoch, index)));
    } finally {
      this.#leave();
    }
  }

  changeDataset(change: DatasetChange): void {
    changeDataset(this.#dataset, change);
  }

  /** Wait for a free place; first come, first served. */
  async #enter(): Promise<void> {
    if (this.#running < MAX_PARALLEL) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hand the place on, or free it. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}
