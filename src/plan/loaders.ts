import { DataLoader } from '../datasets/dataLoader.ts';
import type { Dataset } from '../datasets/dataset.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { isDict } from '../lang/plain.ts';

export interface OpenDataset {
  readonly dataset: Dataset;
  readonly source: SampleSource;
}

/** The loader of a dataset: `samples_per_gpu` in training; one picture a batch in evaluation unless the config says more. */
export function makeLoader(
  set: OpenDataset,
  dict: Record<string, unknown>,
  seed: number,
  training: boolean,
): DataLoader {
  const data = isDict(dict.data) ? dict.data : {};
  const batchSize = batchSizeOf(data, training);
  return new DataLoader({
    source: set.source,
    dataset: set.dataset,
    batchSize,
    shuffle: training,
    seed,
    prefetch: training ? 2 : 8,
  });
}

/** Training batches in an epoch. @throws DatasetError `empty-dataset` */
export function batchesPerEpoch(dataset: Dataset, dict: Record<string, unknown>): number {
  const source = { getSample: () => Promise.reject(new Error('internal: only counted')) };
  return makeLoader({ dataset, source }, dict, 0, true).length;
}

/** The config's `data`; empty where there is none. */
export function dataOf(dict: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return isDict(dict.data) ? dict.data : {};
}

/** Pictures in one batch. @param data the config's; its shapes have been checked */
export function batchSizeOf(data: Readonly<Record<string, unknown>>, training: boolean): number {
  const loaderCfg = data[training ? 'train_dataloader' : 'val_dataloader'];
  const val = isDict(data.val) ? data.val.samples_per_gpu : undefined;
  const own = isDict(loaderCfg) ? loaderCfg.samples_per_gpu : undefined;
  return (own ?? (training ? data.samples_per_gpu : val) ?? 1) as number;
}

/**
 * Workers that decode samples for a loader; 0: the thread that trains does. Default 2, as in MMDetection.
 * @param data the config's after compatCfg, which moves `data.workers_per_gpu` into the loaders; its values have been checked
 */
export function workersOf(data: Readonly<Record<string, unknown>>, training: boolean): number {
  const loaderCfg = data[training ? 'train_dataloader' : 'val_dataloader'];
  const own = isDict(loaderCfg) ? loaderCfg.workers_per_gpu : undefined;
  return (own ?? data.workers_per_gpu ?? 2) as number;
}
