import { isDict } from '../lang/plain.ts';
import { ConfigError, DatasetError, type RunError } from '../errors/trainerError.ts';
import type { ConfigDict } from '../config/config.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { seedIndexes } from '../datasets/indexCache.ts';
import { expandDatasetCfg } from '../datasets/expandCfg.ts';
import { DatasetSampleSource, type SampleSource } from '../datasets/sampleSource.ts';
import { copySources, sourceOf } from '../lang/sourceMap.ts';
import { BuildContext } from '../registry/buildContext.ts';
import type { IndexedFile } from '../contracts/datasetIndex.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import { readRunConfig } from './runConfig.ts';
import { createUserModules } from './ownModules.ts';
import { UNATTENDED_POLICY } from '../usercode/moduleGuard.ts';
import { takeStrays, type WatchStray } from '../usercode/strayErrors.ts';
import { type UserModules } from '../usercode/userModules.ts';

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
  /** True when the config's own modules registered datasets or pipelines: they are imported here too. */
  readonly withUserModules?: boolean;
  /** The model's classes in label order; absent for the training set. */
  readonly classes?: readonly string[];
  /** Annotation files that have been read already. */
  readonly indexedFiles?: readonly IndexedFile[];
}

/**
 * Build and load a dataset of a resolved config.
 * @param classes those that the model is trained on, in label order: labels follow them by name
 * @throws DatasetError `classes-differ` where they can't
 */
export async function buildDataset(
  config: ConfigDict,
  split: DatasetSplit,
  context: BuildContext,
  classes?: readonly string[],
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
  const testMode = split === 'val' || split === 'test';
  const pipeline = split === 'val_as_train' ? trainPipelineOf(data) : undefined;
  const datasetCfg = expandDatasetCfg(withoutLoaderKeys(cfg, pipeline));
  const dataset = context.build<Dataset>(
    'DATASETS',
    datasetCfg,
    `data.${key}`,
    testMode ? { test_mode: true } : {},
  );
  if (classes) dataset.followClasses?.(classes);
  await dataset.load();
  if (classes && dataset.CLASSES.join('\n') !== classes.join('\n')) {
    throw new DatasetError(
      `data.${key} must number its classes as the model does (${classes.join(', ')}), but has ${dataset.CLASSES.join(', ')}`,
      {
        code: 'classes-differ',
        path: `data.${key}`,
        hint: 'give the dataset class the method followClasses(classes)',
      },
    );
  }
  return dataset;
}

/** What making samples takes. */
export interface SampleServices {
  readonly fs: FileSystem;
  readonly decodeImage: DecodeImage;
  /** Hands over errors that nobody waits for, for as long as there are samples to make; default: they are not looked for. */
  readonly watchStray?: WatchStray;
  /** Hears of those of the spec's modules: RunError `stray-error`. */
  readonly onStray?: (error: RunError) => void;
}

/** Build a spec's dataset in this thread and serve its samples. */
export async function createLocalSampleSource(
  spec: DatasetSpec,
  { watchStray, onStray = () => undefined, ...services }: SampleServices,
): Promise<SampleSource> {
  const config = await readRunConfig(services.fs, spec.configPath, spec.cfgOptions);
  const userModules = createUserModules();
  // Samples are made one after the other, and the thread isn't given back behind each.
  userModules.guard.policy = UNATTENDED_POLICY;
  const context = new BuildContext(userModules.registries, {
    ...services,
    seed: spec.seed,
    warn: () => undefined,
  });
  if (spec.withUserModules) takeStrays(watchStray, userModules, onStray);
  try {
    if (spec.withUserModules) await userModules.import(spec.configPath, config.dict, context);
    seedIndexes(services.fs, spec.indexedFiles ?? []);
    const dataset = await buildDataset(config.dict, spec.split, context, spec.classes);
    const source = new DatasetSampleSource(dataset, spec.seed);
    return spec.withUserModules ? locating(source, userModules) : source;
  } catch (error) {
    throw userModules.locate(error);
  }
}

/** The same source; what a person's own dataset or transform throws gets its line. */
function locating(source: SampleSource, userModules: UserModules): SampleSource {
  return {
    getSample: async (index, epoch) => {
      try {
        return await source.getSample(index, epoch);
      } catch (error) {
        throw userModules.locate(error);
      }
    },
    changeDataset: (change) => source.changeDataset?.(change),
  };
}

/** Leave out the keys that mmdet keeps beside a dataset for its loader. @param pipeline takes the place of its own */
export function withoutLoaderKeys(cfg: unknown, pipeline: unknown): unknown {
  if (!isDict(cfg)) return cfg;
  const { samples_per_gpu: _samples, workers_per_gpu: _workers, ...rest } = cfg;
  if (pipeline !== undefined) rest.pipeline = pipeline;
  copySources(cfg, rest);
  return rest;
}

/** The training pipeline of a config's `data`; undefined where its parts have one each. */
export function findTrainPipeline(data: Readonly<Record<string, unknown>>): unknown {
  let cfg = data.train;
  while (isDict(cfg) && (cfg.pipeline === undefined || cfg.pipeline === null)) cfg = cfg.dataset;
  return isDict(cfg) ? cfg.pipeline : undefined;
}

/**
 * The training pipeline: that of data.train, or of the dataset that it wraps, however deep.
 * @throws ConfigError `missing-pipeline`: a ConcatDataset has one for each of its parts
 * Source: mmdet 2.28.2 `tools/train.py`.
 */
function trainPipelineOf(data: ConfigDict): unknown {
  const pipeline = findTrainPipeline(data);
  if (pipeline !== undefined) return pipeline;
  throw new ConfigError('a val step of workflow needs the pipeline of data.train, but it has none', {
    code: 'missing-pipeline',
    path: 'data.train.pipeline',
    span: sourceOf(data, 'train')?.span,
    hint: 'give pipeline=… to data.train, or to the dataset inside it',
  });
}
