import { Rng } from '../util/prng.ts';
import type { Dataset } from './dataset.ts';
import { type Sample, toSample } from './sample.ts';

/** Delivers samples by index; here, or in a worker behind the same interface. */
export interface SampleSource {
  /** The same (index, epoch) gives the same sample, whatever was asked before. */
  getSample(index: number, epoch: number): Promise<Sample>;
  dispose?(): void;
}

/** Reads a dataset in this thread. Each sample has its own random numbers, from (seed, epoch, index). */
export class DatasetSampleSource implements SampleSource {
  readonly #dataset: Dataset;
  readonly #seed: number;

  constructor(dataset: Dataset, seed: number) {
    this.#dataset = dataset;
    this.#seed = seed;
  }

  async getSample(index: number, epoch: number): Promise<Sample> {
    return toSample(await this.#dataset.getItem(index, Rng.derive(this.#seed, epoch, index)));
  }
}
