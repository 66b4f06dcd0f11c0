// Plan -> run: the parts of a config with a log, files, samples and weights, ready for the first iteration.

import { RunError, TrainerError } from '../errors/trainerError.ts';
import type { Dataset } from '../datasets/dataset.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { adapterInfo, trimMemory } from '../gpu/index.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';
import type { Detector } from '../models/index.ts';
import { assemble, throwFirstError, type Assembly } from '../plan/assemble.ts';
import {
  buildDataset,
  createLocalSampleSource,
  type DatasetSpec,
  type DatasetSplit,
} from '../plan/buildDataset.ts';
import { checkFormulas } from '../plan/checkFormulas.ts';
import { batchSizeOf, dataOf, makeLoader, workersOf, type OpenDataset } from '../plan/loaders.ts';
import { need, type Parts, type PartsHost } from '../plan/parts.ts';
import { classesOfMeta, type GivenWeights } from '../plan/weightClasses.ts';
import type { RunConfig } from '../plan/runConfig.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import { readCheckpoint, resumeRun } from '../runner/checkpoint.ts';
import { NOTICES, noticesOf, type LoadedCheckpoint } from '../runner/loadedCheckpoint.ts';
import type { Logger } from '../runner/logger.ts';
import type { RunFolder } from './runFolder.ts';
import { describeBudget, memoryBudget } from '../runner/memoryBudget.ts';
import type { BatchLoader, Workflow } from '../runner/runnerTypes.ts';
import type { TakeStray } from '../usercode/strayErrors.ts';
import type { UserModules } from '../usercode/userModules.ts';
import { Rng } from '../util/prng.ts';
import { localWeights } from '../weights/fetchWeights.ts';
import { maskSecrets } from '../util/secrets.ts';
import { DetectorEvaluator } from './evaluator.ts';
import { checkSomethingLoaded, fitted } from './loadedWeights.ts';
import { INVALID_LOSS_HINT, watchLosses } from './lossWatch.ts';
import { readResumeOptimizer, stringOrNull, type ResumedRun } from './resumedRun.ts';
import { throwIfStopped } from './stoppedEarly.ts';
import type { TrainJob } from './trainJob.ts';

/** Keeps the random numbers of the initial weights apart from the samples'. */
const INIT_STREAM = 0x1417;

export interface PrepareOptions extends TrainJob {
  readonly folder: RunFolder;
  readonly workDir: string;
  readonly logger: Logger;
  readonly timestamp: string;
  readonly seed: number;
  readonly areDeterministic: boolean;
  readonly runConfig: RunConfig;
  readonly resume: ResumedRun | null;
  /** Told of the person's modules before anything of them runs. */
  readonly onModules: (modules: UserModules) => void;
}

export interface PreparedRun {
  readonly runner: BaseRunner;
  readonly model: Detector;
  /** One for each entry of the workflow. */
  readonly loaders: readonly BatchLoader[];
  readonly workflow: Workflow;
  readonly classes: readonly string[];
  readonly maxEpochs: number;
  readonly maxIters: number;
  readonly itersPerEpoch: number;
  readonly parameterCount: number;
  readonly trainableParameterCount: number;
}

/**
 * Assemble a run and give it what it starts with.
 * @param cleanups gets what frees each thing built here
 * @throws the first problem of the plan that is an error; what loading weights or samples throws
 */
export async function prepareRun(options: PrepareOptions, cleanups: (() => void)[]): Promise<PreparedRun> {
  const { logger, seed, runConfig, folder } = options;
  const text = maskSecrets(runConfig.config.prettyText());
  folder.keep(`${runConfig.name}.py`, text);
  const adapter = adapterInfo();
  logger.info(`Adapter: ${adapter.name}${adapter.isSoftware ? ' (software: the CPU does the work)' : ''}`);
  logger.info(`Config:\n${text}`);
  logger.info(`Set random seed to ${seed}, deterministic: ${options.areDeterministic ? 'True' : 'False'}`);
  const samples = new OpenSamples(options, cleanups);
  const live: LiveRun = { runner: null };
  const { onModules, control } = options;
  const ask = (): Promise<void> => throwIfStopped(control);
  const given = await openWeights(options);
  const notices = given ? noticesOf(given.checkpoint.meta) : [];
  for (const notice of notices) logger.info(notice);
  const host: PartsHost = { ...hostOf(options, samples, live, notices), weights: given && weightsOf(given) };
  const assembly = await assemble(options, runConfig, { seed, host, onModules, onBuild: ask });
  cleanups.push(() => assembly.dispose());
  throwFirstError(assembly, (message) => logger.warning(message));
  const { parts } = assembly;
  const runner = (live.runner = need(parts, 'runner'));
  const model = need(parts, 'model');
  const trainSet = need(parts, 'trainSet');
  const workflow = need(parts, 'workflow');
  const loaders = await makeLoaders(assembly, samples);
  await ask();
  await initWeights(model, options, assembly);
  await checkFormulas(need(parts, 'optimizer'), parts.userModules.modules);
  await ask();
  await loadWeights(runner, model, given, options, assembly);
  await ask();
  followSteps(runner, model, options, assembly);
  // Before the first step is recorded: it writes gradients to the places that this makes.
  need(parts, 'optimizer').prepare();
  const parameters = model.parameters();
  const count = (list: typeof parameters): number => list.reduce((sum, p) => sum + p.size, 0);
  return {
    runner,
    model,
    loaders,
    workflow,
    classes: trainSet.CLASSES,
    ...need(parts, 'length'),
    parameterCount: count(parameters),
    trainableParameterCount: count(parameters.filter((p) => p.requiresGrad)),
  };
}

/** What listeners that are made before the runner need of it. */
interface LiveRun {
  runner: BaseRunner | null;
}

/** What the runner and the hooks are connected to. */
function hostOf(
  options: PrepareOptions,
  samples: OpenSamples,
  live: LiveRun,
  notices: readonly string[],
): PartsHost {
  const { logger, workDir, timestamp, host, control, onEvent, runConfig, seed, fs, decodeImage } = options;
  const { config } = runConfig;
  const { readEnv, askSecret } = options;
  const watch = watchLosses({
    batch: () => live.runner?.dataBatch,
    onInvalid: (message) => {
      logger.warning(`${message}. ${INVALID_LOSS_HINT}`);
      if (options.onInvalidLoss === 'go-on') return;
      if (options.onInvalidLoss === 'stop') {
        control.fail(new RunError(message, { code: 'invalid-loss', hint: INVALID_LOSS_HINT }));
        return;
      }
      const hint = INVALID_LOSS_HINT;
      onEvent({ name: 'run.noticed', level: 'warning', code: 'invalid-loss', message, hint });
      control.pause();
    },
  });
  let largestPlan = 0;
  return {
    services: { log: logger, readEnv, askSecret },
    warn: (message) => logger.warning(message),
    info: (line) => logger.info(line),
    runner: {
      workDir,
      logger,
      timestamp,
      host,
      control,
      claimWorkDir: options.folder.claim,
      onEvent: (event) => {
        onEvent(event);
        watch(event);
        // Multi-scale training plans many shapes: the largest so far is what counts.
        if (event.name === 'run.planned' && event.budget.total > largestPlan) {
          largestPlan = event.budget.total;
          logger.info(describeBudget(event.budget));
        }
        if (event.name === 'run.checkpointed')
          logger.info(`Saved ${event.path}: ${event.bytes} bytes, state_dict CRC-32 ${event.crc32}`);
      },
      meta: {
        env_info: `tabtrain 0.1.0, adapter: ${adapterInfo().name}`,
        config: maskSecrets(config.prettyText()),
        seed,
        exp_name: config.filename.split('/').at(-1),
        mmdet_version: '2.28.2',
        ...(notices.length > 0 && { [NOTICES]: notices }),
        tabtrain: { version: '0.1.0', seed, batch_size: batchSizeOf(dataOf(runConfig.dict), true) },
      },
    },
    makeEvaluator: async (model, dataset, parts) => {
      const source = await samples.open('val', dataset, parts);
      const loader = makeLoader({ dataset, source }, runConfig.dict, seed, false);
      return new DetectorEvaluator({
        model,
        dataset,
        loader,
        fs,
        decodeImage,
        log: (line) => logger.info(line),
      });
    },
  };
}

/** Opens sample sources of the run's data sets. */
class OpenSamples {
  readonly #options: PrepareOptions;
  readonly #cleanups: (() => void)[];

  constructor(options: PrepareOptions, cleanups: (() => void)[]) {
    this.#options = options;
    this.#cleanups = cleanups;
  }

  /** A source of the samples of a data set of the run. */
  async open(
    split: DatasetSplit,
    { indexedFiles }: Dataset,
    { userModules, trainSet, host }: Parts,
  ): Promise<SampleSource> {
    const { fs, decodeImage, configPath, cfgOptions, seed } = this.#options;
    const { createSampleSource, runConfig, control } = this.#options;
    const workers = workersOf(dataOf(runConfig.dict), split !== 'val');
    const spec: DatasetSpec = {
      configPath,
      cfgOptions,
      split,
      seed,
      withUserModules: userModules.hasDataClasses,
      // The training set's own, unless the weights number them otherwise.
      classes: split === 'train' && !host.weights ? undefined : trainSet?.CLASSES,
      indexedFiles,
    };
    if (createSampleSource && workers > 0) return createSampleSource(spec, workers);
    const onStray = (error: Error): void => control.fail(error);
    return createLocalSampleSource(spec, { fs, decodeImage, watchStray: this.#watchStray, onStray });
  }

  /** Until the run is over. */
  readonly #watchStray = (take: TakeStray): (() => void) => {
    const stop = this.#options.watchStray?.(take) ?? ((): void => undefined);
    this.#cleanups.push(stop);
    return stop;
  };
}

/** A loader for each entry of the workflow. */
async function makeLoaders({ parts }: Assembly, samples: OpenSamples): Promise<BatchLoader[]> {
  const { dict, seed, context } = parts;
  const trainSet = need(parts, 'trainSet');
  const open = async (split: DatasetSplit, dataset: Dataset): Promise<OpenDataset> => ({
    dataset,
    source: await samples.open(split, dataset, parts),
  });
  const train = await open('train', trainSet);
  const loaders: BatchLoader[] = [];
  for (const [mode] of need(parts, 'workflow')) {
    const isVal = mode === 'val';
    const set = isVal
      ? await open('val_as_train', await buildDataset(dict, 'val_as_train', context, trainSet.CLASSES))
      : train;
    loaders.push(makeLoader(set, dict, seed, true));
  }
  return loaders;
}

async function initWeights(model: Detector, options: PrepareOptions, { parts }: Assembly): Promise<void> {
  const { fs, seed } = options;
  await model.initWeights(Rng.derive(seed, INIT_STREAM), {
    loadPretrained: async (path) => (await readCheckpoint(fs, await localFile(path, options))).stateDict,
    warn: parts.context.services.warn,
  });
}

/** A checkpoint that has been read, and what for. */
interface GivenCheckpoint {
  readonly path: string;
  readonly checkpoint: LoadedCheckpoint;
  readonly isResumed: boolean;
}

/** What the run goes on from, or starts with. */
async function openWeights(options: PrepareOptions): Promise<GivenCheckpoint | null> {
  const { fs, resume, loadFrom, runConfig } = options;
  if (resume) return { path: resume.path, checkpoint: resume.take(), isResumed: true };
  const path = loadFrom ?? stringOrNull(runConfig.dict.load_from);
  if (path === null) return null;
  try {
    return { path, checkpoint: await readCheckpoint(fs, await localFile(path, options)), isResumed: false };
  } catch (error) {
    // The file that was asked for by an option stands in no config.
    if (loadFrom !== undefined || !(error instanceof TrainerError)) throw error;
    const message = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
    throw error.with({ message, path: 'load_from', span: spanOfPath(runConfig.dict, 'load_from') });
  }
}

/** The file of a path, or of an address: fetched once. @throws StoppedEarly; as {@link localWeights} */
async function localFile(address: string, { fs, logger, control, onEvent }: PrepareOptions): Promise<string> {
  const phase = 'preparing';
  try {
    return await localWeights(fs, address, {
      signal: control.stopSignal,
      onProgress: ({ name, bytes, total }) => {
        const amount = total === null ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(total)}`;
        onEvent({ name: 'run.phaseChanged', phase, waitingFor: `fetching ${name}: ${amount} MB` });
      },
      onFetched: (path, url) => logger.info(`fetched ${url} into ${path}`),
    });
  } catch (error) {
    await throwIfStopped(control);
    throw error;
  } finally {
    onEvent({ name: 'run.phaseChanged', phase });
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function weightsOf({ path, checkpoint, isResumed }: GivenCheckpoint): GivenWeights {
  return { path, classes: classesOfMeta(checkpoint.meta), mustMatch: isResumed };
}

async function loadWeights(
  runner: BaseRunner,
  model: Detector,
  given: GivenCheckpoint | null,
  options: PrepareOptions,
  { parts }: Assembly,
): Promise<void> {
  const { logger, runConfig } = options;
  if (!given) return;
  const { path, checkpoint } = given;
  if (given.isResumed) {
    const { dict } = runConfig;
    return resumeRun(runner, model, path, {
      loaded: checkpoint,
      optimizerOptions: options.resumeOptimizer ?? readResumeOptimizer(dict.resume_optimizer),
      itersPerEpoch: need(parts, 'length').itersPerEpoch,
      batchSize: batchSizeOf(dataOf(dict), true),
    });
  }
  const { stateDict, notes } = await fitted(model, checkpoint.stateDict);
  const report = model.loadStateDict(stateDict);
  checkSomethingLoaded(model, report, path, stateDict);
  for (const note of notes) logger.info(`${path}: ${note}`);
  for (const warning of [...checkpoint.notes, ...report.warnings]) logger.warning(warning);
  logger.info(`load checkpoint from ${path}`);
}

/** How steps run, and who hears of it. */
function followSteps(
  runner: BaseRunner,
  model: Detector,
  options: PrepareOptions,
  { parts }: Assembly,
): void {
  model.setStepMode({
    eager: options.eager,
    onFallback: (step, reason) => {
      parts.context.services.warn(
        `the ${step} step can't be compiled because of ${reason}: it runs op by op from here on ` +
          '(in code of your own, hand values that change over with stepInput)',
      );
    },
    onPlanned: (mode, plan) => {
      // What uploads and packing left in the pool would be no part of any sum.
      trimMemory();
      runner.onEvent({ name: 'run.planned', mode, budget: memoryBudget(plan, runner) });
    },
  });
}
