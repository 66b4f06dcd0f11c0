import { ConfigError } from '../errors/trainerError.ts';
import type { Dataset } from './dataset.ts';

/** What a hook may change in a dataset between two epochs; plain values, so that it crosses to a data worker. */
export interface DatasetChange {
  /** Leave out the transforms of these types from now on. */
  readonly skipTypeKeys?: readonly string[];
  /** Resize to this size (width, height; px) from now on, whatever `img_scale` says. */
  readonly dynamicScale?: readonly [number, number];
}

/**
 * Change a dataset.
 * @throws ConfigError `unsupported` when it can't be changed that way; nothing is changed then
 */
export function changeDataset(dataset: Partial<Dataset>, change: DatasetChange): void {
  const { skipTypeKeys, dynamicScale } = change;
  const name = dataset.constructor?.name ?? 'the dataset';
  const refuse = (what: string): ConfigError =>
    new ConfigError(`${name} must have ${what} to be changed while it is trained on, but has none`, {
      code: 'unsupported',
      path: 'data.train',
    });
  if (skipTypeKeys && !dataset.updateSkipTypeKeys) throw refuse('updateSkipTypeKeys');
  if (dynamicScale && !dataset.updateDynamicScale) throw refuse('updateDynamicScale');
  if (skipTypeKeys) dataset.updateSkipTypeKeys?.(skipTypeKeys);
  if (dynamicScale) dataset.updateDynamicScale?.(dynamicScale);
}
