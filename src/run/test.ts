// Evaluate a checkpoint on a config's test set.

import { DataLoader } from '../datasets/dataLoader.ts';
import { TrainerError } from '../errors/trainerError.ts';
import type { EvaluationGroundTruth } from '../contracts/annotations.ts';
import { DatasetSampleSource } from '../datasets/sampleSource.ts';
import type { BboxResult } from '../evaluation/index.ts';
import { initEngine } from '../gpu/index.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { readCheckpoint, type LoadedCheckpoint } from '../runner/checkpoint.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import type { ConfigDict } from '../config/index.ts';
import { checkEvaluation, readEvaluation } from '../plan/checkEvaluation.ts';
import { buildModel } from '../plan/buildModel.ts';
import { buildDataset } from '../plan/buildDataset.ts';
import { DetectorEvaluator } from './evaluator.ts';
import { checkSomethingLoaded } from './loadedWeights.ts';
import { locateError } from '../plan/locateError.ts';
import '../plan/registerAll.ts';
import { readRunConfig } from '../plan/runConfig.ts';
import { classesOfMeta } from '../plan/weightClasses.ts';
import { createUserModules } from '../plan/ownModules.ts';
import { type UserModules } from '../usercode/userModules.ts';

export interface TestJob {
  configPath: string;
  checkpoint: string;
  fs: FileSystem;
  decodeImage: DecodeImage;
  cfgOptions?: Record<string, unknown>;
  /** Default: the config's `evaluation.metric`, else the dataset's own. */
  metric?: string | readonly string[];
  log: (line: string) => void;
}

export interface TestResult {
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly results: readonly BboxResult[];
  readonly groundTruth: EvaluationGroundTruth;
}

/** @throws ConfigError, DatasetError, CheckpointError, DeviceError */
export async function testCheckpoint(job: TestJob): Promise<TestResult> {
  const { fs } = job;
  const { dict } = await readRunConfig(fs, job.configPath, job.cfgOptions);
  const checkpoint = await readCheckpoint(fs, job.checkpoint);
  await initEngine();
  const userModules = createUserModules();
  try {
    return await evaluateOn(job, dict, checkpoint, userModules);
  } catch (error) {
    // The metric that was asked for stands nowhere in the config.
    const written = job.metric === undefined ? dict : { ...dict, evaluation: null };
    throw locateError(userModules.locate(error), written);
  }
}

async function evaluateOn(
  job: TestJob,
  dict: ConfigDict,
  checkpoint: LoadedCheckpoint,
  userModules: UserModules,
): Promise<TestResult> {
  const { fs, decodeImage, log } = job;
  const context = new BuildContext(userModules.registries, { fs, decodeImage, seed: 0, warn: log });
  await userModules.import(job.configPath, dict, context);
  const classes = classesOfMeta(checkpoint.meta) ?? (await trainedClasses(dict, context));
  const dataset = await buildDataset(dict, 'test', context, classes);
  const { metric } = job;
  const cfg = {
    hook: {},
    evaluate: { ...readEvaluation(dict)?.evaluate, ...(metric !== undefined && { metric }) },
  };
  checkEvaluation(cfg, dataset);
  const model = buildModel(dict, context);
  try {
    model.CLASSES = dataset.CLASSES;
    const { stateDict, notes } = checkpoint;
    const report = model.loadStateDict(stateDict);
    checkSomethingLoaded(model, report, job.checkpoint, stateDict);
    for (const warning of [...notes, ...report.warnings]) log(warning);
    const loader = new DataLoader({
      source: new DatasetSampleSource(dataset, 0),
      dataset,
      batchSize: 1,
      shuffle: false,
      seed: 0,
      prefetch: 8,
    });
    const evaluator = new DetectorEvaluator({ model, dataset, loader, fs, decodeImage, log });
    const results = await evaluator.detect();
    const { metrics } = await evaluator.score(results, cfg.evaluate);
    return { metrics, results, groundTruth: dataset.evaluationGroundTruth() };
  } finally {
    model.dispose();
  }
}

/** Those of the training set; undefined where it can't be read here: the test set's own order is all there is then. */
async function trainedClasses(
  dict: ConfigDict,
  context: BuildContext,
): Promise<readonly string[] | undefined> {
  try {
    return (await buildDataset(dict, 'train', context)).CLASSES;
  } catch (error) {
    if (error instanceof TrainerError) return undefined;
    throw error;
  }
}
