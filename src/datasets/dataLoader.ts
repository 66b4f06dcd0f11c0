import { ConfigError, DatasetError } from '../errors/trainerError.ts';
import { formatBytes } from '../util/formatBytes.ts';
import type { Dataset } from './dataset.ts';
import { changeDataset, type DatasetChange } from './datasetChange.ts';
import { type Batch, collate, type Sample } from './sample.ts';
import type { SampleSource } from './sampleSource.ts';
import { GroupSampler, type Sampler } from './samplers/groupSampler.ts';
import { SequentialSampler } from './samplers/sequentialSampler.ts';
import { at } from '../util/at.ts';

/** No WebGPU buffer holds more. */
const MAX_BATCH_BYTES = 2 ** 32;
/** Fewer pictures are made side by side from the start. */
const MANY_SAMPLES = 16;

export interface DataLoaderOptions {
  readonly source: SampleSource;
  readonly dataset: Pick<Dataset, 'length' | 'flag' | 'updateSkipTypeKeys' | 'updateDynamicScale'> &
    Partial<Pick<Dataset, 'CLASSES'>>;
  /** Config `samples_per_gpu`; at least 1. */
  readonly batchSize: number;
  /** True for training: GroupSampler; false keeps the dataset's order. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Batches kept in flight beyond the one handed out. Default 2. */
  readonly prefetch?: number;
}

/**
 * Batches of an epoch, made ahead so that the GPU never waits. An epoch's batches depend on (seed, epoch) only:
 * not on timing, and not on where the epoch was entered.
 * @example for await (const batch of loader.epoch(0)) trainStep(batch);
 */
export class DataLoader {
  /** Batches per epoch. */
  readonly length: number;
  readonly batchSize: number;
  readonly dataset: DataLoaderOptions['dataset'];
  readonly #source: SampleSource;
  readonly #sampler: Sampler;
  readonly #prefetch: number;
  /** Shuffled batches are trained on. */
  readonly #needsTruth: boolean;

  /** @throws ConfigError `bad-value` for a batch size below 1; DatasetError `empty-dataset` */
  constructor({ source, dataset, batchSize, shuffle, seed, prefetch = 2 }: DataLoaderOptions) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ConfigError(`samples_per_gpu must be a whole number of at least 1, but got ${batchSize}`, {
        code: 'bad-value',
        path: 'data.samples_per_gpu',
      });
    }
    if (dataset.length === 0) {
      throw new DatasetError('the dataset must have at least one picture, but it has none', {
        code: 'empty-dataset',
        path: 'data',
        hint: 'filter_empty_gt leaves out pictures without boxes of the chosen classes; check classes and the annotation file',
      });
    }
    this.#source = source;
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.#needsTruth = shuffle;
    this.#prefetch = Math.max(0, prefetch);
    this.#sampler = shuffle
      ? new GroupSampler({ flag: dataset.flag, samplesPerGpu: batchSize, seed })
      : new SequentialSampler(dataset.length);
    this.length = Math.ceil(this.#sampler.length / batchSize);
  }

  /** The dataset indices of every batch of an epoch. */
  batchIndices(epoch: number): number[][] {
    const indices = this.#sampler.indices(epoch);
    return Array.from({ length: this.length }, (_, b) =>
      indices.slice(b * this.batchSize, (b + 1) * this.batchSize),
    );
  }

  /**
   * Deliver the batches of an epoch in order.
   * @param epoch counted from 0
   * @param startBatch a resumed run enters here; nothing before it is decoded
   * @throws what a sample throws, at its turn
   */
  async *epoch(epoch: number, startBatch = 0): AsyncGenerator<Batch, void, undefined> {
    const batches = this.batchIndices(epoch);
    const inFlight: Promise<Batch>[] = [];
    let next = startBatch;
    const fill = (): void => {
      while (next < batches.length && inFlight.length <= this.#prefetch) {
        const batch = this.#load(at(batches, next++), epoch);
        // Reported when its turn comes; a consumer that stops early must not see it as unhandled.
        batch.catch(() => undefined);
        inFlight.push(batch);
      }
    };
    fill();
    for (let batch = inFlight.shift(); batch; batch = inFlight.shift()) {
      fill();
      yield await batch;
    }
  }

  /**
   * Change the dataset for the epochs that begin from now on: call it between two.
   * @throws ConfigError `unsupported` when the dataset can't be changed that way
   */
  changeDataset(change: DatasetChange): void {
    // The samples may be made by a copy in another worker; what it can do, the one here can too.
    changeDataset(this.dataset, change);
    this.#source.changeDataset?.(change);
  }

  async #load(indices: readonly number[], epoch: number): Promise<Batch> {
    const get = (index: number): Promise<Sample> => this.#source.getSample(index, epoch);
    // One picture tells that the batch can't be, before thousands are made.
    const isChecked = indices.length >= MANY_SAMPLES;
    const first = isChecked ? [await get(at(indices, 0))] : [];
    for (const { imgShape } of first) checkBytes(indices.length, imgShape);
    const samples = [...first, ...(await Promise.all(indices.slice(first.length).map(get)))];
    if (this.#needsTruth && samples.some((sample) => !sample.gtBboxes || !sample.gtLabels)) {
      throw new ConfigError(
        "a training pipeline must end with Collect(keys=['img', 'gt_bboxes', 'gt_labels']), but its samples have no ground truth",
        { code: 'no-ground-truth', path: 'data.train.pipeline', hint: 'add the missing keys to Collect' },
      );
    }
    return collate(samples);
  }
}

/** @param shape of one picture: rows, columns, channels */
function checkBytes(count: number, [height, width, channels]: Sample['imgShape']): void {
  const bytesEach = height * width * channels * Float32Array.BYTES_PER_ELEMENT;
  if (count * bytesEach <= MAX_BATCH_BYTES) return;
  const fitting = Math.max(1, Math.floor(MAX_BATCH_BYTES / bytesEach));
  throw new ConfigError(
    `a batch of ${count} pictures of ${width} x ${height} px is ${formatBytes(count * bytesEach)}, but one buffer of a GPU holds at most ${formatBytes(MAX_BATCH_BYTES)}`,
    {
      code: 'bad-value',
      path: 'data.samples_per_gpu',
      hint: `samples_per_gpu=${fitting} would fit; activations take many times as much, so begin with far fewer or smaller pictures`,
    },
  );
}
