import { ConfigError } from '../errors/trainerError.ts';
import type { ConfigDict } from '../config/config.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { DatasetSampleSource, type SampleSource } from '../datasets/sampleSource.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import type { FileSystem } from '../util/fileSystem.ts';
import type { DecodeImage } from '../util/image.ts';
import { readRunConfig } from './runConfig.ts';

/**
 * Which dataset of a config: `val_as_train` is the validation set through the training pipeline, which a
 * ('val', n) workflow step uses, as MMDetection does.
 */
export type DatasetSplit = 'train' | 'val' | 'test' | 'val_as_train';

/** Names a dataset, so that another worker can build the same one. */
export interface DatasetSpec {
  readonly configPath: string;
  readonly cfgOptions?: Record<string, unknown>;
  readonly split: DatasetSplit;
  readonly seed: number;
}

/** Build and load a dataset of a resolved config. */
export async function buildDataset(
  config: ConfigDict,
  split: DatasetSplit,
  context: BuildContext,
): Promise<Dataset> {
  const data = config.data;
  const key = split === 'val_as_train' ? 'val' : split;
  const cfg = isDict(data) ? data[key] : undefined;
  if (!isDict(data) || cfg === undefined) {
    throw new ConfigError(`data.${key} must describe a dataset, but it is missing`, {
      code: 'missing-dataset',
      path: `data.${key}`,
      hint:
        split === 'val_as_train'
          ? "workflow = [('train', 1), ('val', 1)] needs data.val"
          : `add ${key}=dict(type=…) to data`,
    });
  }
  // Keys that mmdet keeps beside a dataset for its loader.
  const overrides: Record<string, unknown> = isDict(cfg) ? { ...cfg } : {};
  delete overrides.samples_per_gpu;
  delete overrides.workers_per_gpu;
  if (split === 'val_as_train' && isDict(data.train)) overrides.pipeline = data.train.pipeline;
  const hasOverrides =
    isDict(cfg) && (split === 'val_as_train' || Object.keys(overrides).length !== Object.keys(cfg).length);
  const testMode = split === 'val' || split === 'test';
  const dataset = context.build<Dataset>(
    'DATASETS',
    hasOverrides ? overrides : cfg,
    `data.${key}`,
    testMode ? { test_mode: true } : {},
  );
  await dataset.load();
  return dataset;
}

/** Build a spec's dataset in this thread and serve its samples. */
export async function createLocalSampleSource(
  spec: DatasetSpec,
  services: { fs: FileSystem; decodeImage: DecodeImage },
): Promise<SampleSource> {
  const config = await readRunConfig(services.fs, spec.configPath, spec.cfgOptions);
  const context = new BuildContext(createRunRegistries(), {
    ...services,
    seed: spec.seed,
    warn: () => undefined,
  });
  return new DatasetSampleSource(await buildDataset(config.dict, spec.split, context), spec.seed);
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
