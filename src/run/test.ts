// Evaluate a checkpoint on a config's test set: a plan of what that needs, and a checkpoint.

import { DataLoader } from '../datasets/dataLoader.ts';
import type { EvaluationGroundTruth } from '../contracts/annotations.ts';
import { DatasetSampleSource } from '../datasets/sampleSource.ts';
import type { BboxResult } from '../evaluation/index.ts';
import { initEngine } from '../gpu/index.ts';
import { readCheckpoint } from '../runner/checkpoint.ts';
import type { LoadedCheckpoint } from '../runner/loadedCheckpoint.ts';
import { assemble, throwError, throwFirstError, type Assembly } from '../plan/assemble.ts';
import { checkEvaluation, readEvaluation, type EvaluationCfg } from '../plan/checkEvaluation.ts';
import { DetectorEvaluator } from './evaluator.ts';
import { checkSomethingLoaded } from './loadedWeights.ts';
import { locateError } from '../plan/locateError.ts';
import { need, type PlanJob } from '../plan/parts.ts';
import { readRunConfig } from '../plan/runConfig.ts';
import { TEST_BUILDERS } from '../plan/testBuilders.ts';
import { classesOfMeta } from '../plan/weightClasses.ts';
import { UNATTENDED_POLICY } from '../usercode/moduleGuard.ts';
import type { WatchStray } from '../usercode/strayErrors.ts';
import { testedCheckpoint } from './testedCheckpoint.ts';

export interface TestJob extends Pick<
  PlanJob,
  'fs' | 'decodeImage' | 'configPath' | 'cfgOptions' | 'checkTypes'
> {
  /** A file, or a work dir: its best checkpoint, else its newest. */
  readonly checkpoint: string;
  /** Default: the config's `evaluation.metric`, else the dataset's own. */
  readonly metric?: string | readonly string[];
  readonly log: (line: string) => void;
  /** Hears what is wrong, but keeps nothing from being evaluated. */
  readonly warn: (message: string) => void;
  /** Where errors that nobody waits for come up: those of the modules end the test. */
  readonly watchStray?: WatchStray;
}

export interface TestResult {
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly results: readonly BboxResult[];
  readonly groundTruth: EvaluationGroundTruth;
}

/** @throws ConfigError, DatasetError, CheckpointError, DeviceError */
export async function testCheckpoint(job: TestJob): Promise<TestResult> {
  const { fs, log, warn, watchStray } = job;
  const config = await readRunConfig(fs, job.configPath, job.cfgOptions, 'test');
  const path = await testedCheckpoint(fs, job.checkpoint);
  if (path !== job.checkpoint) log(`testing ${path}`);
  const checkpoint = await readCheckpoint(fs, path);
  const weights = { path, classes: classesOfMeta(checkpoint.meta), mustMatch: true };
  const assembly = await assemble({ ...job, purpose: 'test' }, config, {
    builders: TEST_BUILDERS,
    host: { weights, info: log, warn },
    watchStray,
  });
  const { parts } = assembly;
  try {
    throwFirstError(assembly, warn);
    const cfg = evaluationOf(job, assembly);
    await initEngine();
    parts.userModules.guard.policy = UNATTENDED_POLICY;
    loadWeights(assembly, checkpoint, path, warn);
    const found = await evaluate(job, assembly, cfg);
    parts.userModules.guard.throwTripped();
    // What a module threw beside what it was asked for.
    throwError(assembly.problems);
    return found;
  } catch (error) {
    const { guard } = parts.userModules;
    // The metric that was asked for stands nowhere in the config.
    const written = job.metric === undefined ? parts.dict : { ...parts.dict, evaluation: null };
    throw locateError(guard.tripped ?? parts.userModules.locate(error), written);
  } finally {
    assembly.dispose();
  }
}

/** The config's `evaluation` with the metric that was asked for. @throws ConfigError for what data.test doesn't take */
function evaluationOf({ metric }: TestJob, { parts }: Assembly): EvaluationCfg {
  const { evaluate } = readEvaluation(parts.dict) ?? { evaluate: {} };
  const cfg = { hook: {}, evaluate: { ...evaluate, ...(metric !== undefined && { metric }) } };
  checkEvaluation(cfg, need(parts, 'testSet'));
  return cfg;
}

function loadWeights(
  { parts }: Assembly,
  { stateDict, notes }: LoadedCheckpoint,
  path: string,
  warn: (message: string) => void,
): void {
  const model = need(parts, 'model');
  const report = model.loadStateDict(stateDict);
  checkSomethingLoaded(model, report, path, stateDict);
  for (const warning of [...notes, ...report.warnings]) warn(warning);
}

async function evaluate(
  { fs, decodeImage, log }: TestJob,
  { parts }: Assembly,
  { evaluate: kwargs }: EvaluationCfg,
): Promise<TestResult> {
  const dataset = need(parts, 'testSet');
  const loader = new DataLoader({
    source: new DatasetSampleSource(dataset, 0),
    dataset,
    batchSize: 1,
    shuffle: false,
    seed: 0,
    prefetch: 8,
  });
  const model = need(parts, 'model');
  const evaluator = new DetectorEvaluator({ model, dataset, loader, fs, decodeImage, log });
  const results = await evaluator.detect();
  const { metrics } = await evaluator.score(results, kwargs);
  return { metrics, results, groundTruth: dataset.evaluationGroundTruth() };
}
