// Everything a run does, in MMDetection's order: config, model, data, optimizer, runner, hooks, run.

import { isDict } from '../lang/plain.ts';
import { formatSpan } from '../errors/span.ts';
import { RunError, TrainerError, toErrorReport, type ErrorReport } from '../errors/trainerError.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { adapterInfo, endProfilePasses, initEngine, trimMemory, type AdapterInfo } from '../gpu/index.ts';
import type { Detector } from '../models/index.ts';
import { buildOptimizer } from '../optim/index.ts';
import { BuildContext, type RunServices } from '../registry/buildContext.ts';
import { readCheckpoint, resumeRun } from '../runner/checkpoint.ts';
import { buildRunner } from '../runner/buildRunner.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { BatchLoader, Workflow } from '../runner/runnerTypes.ts';
import type { Logger } from '../runner/logger.ts';
import { describeBudget, memoryBudget } from '../runner/memoryBudget.ts';
import type { RunControl } from '../runner/runControl.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Locks } from '../contracts/locks.ts';
import type { DecodeImage } from '../contracts/image.ts';
import { Rng } from '../util/prng.ts';
import { maskSecrets, maskSecretsIn } from '../util/secrets.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import { autoScaleLr } from '../plan/autoScaleLr.ts';
import { checkEvaluation, evaluationWarnings, readEvaluation } from '../plan/checkEvaluation.ts';
import { buildModel } from '../plan/buildModel.ts';
import {
  buildDataset,
  createLocalSampleSource,
  type DatasetSpec,
  type DatasetSplit,
} from '../plan/buildDataset.ts';
import '../plan/registerAll.ts';
import { batchSizeOf, makeLoader, type OpenDataset } from '../plan/loaders.ts';
import { readKernelMode, useKernelChoices, type KernelOptions, type KernelsInUse } from './kernelChoices.ts';
import { checkSomethingLoaded } from './loadedWeights.ts';
import { locateError } from '../plan/locateError.ts';
import { INVALID_LOSS_HINT, watchLosses } from './lossWatch.ts';
import { DetectorEvaluator } from './evaluator.ts';
import { checkFormulas } from '../plan/checkFormulas.ts';
import { configSeed, openResumed, stringOrNull, type ResumedRun } from './resumedRun.ts';
import { readRunConfig, type RunConfig } from '../plan/runConfig.ts';
import { readRunnerCfg, readWorkflow, runLength } from '../plan/runnerConfig.ts';
import { saveStopped } from './saveStopped.ts';
import { RunFolder } from './runFolder.ts';
import { NEW_RECORD } from './runRecord.ts';
import { registerRunHooks } from '../plan/trainingHooks.ts';
import { failOnStray, type WatchStray } from './strayErrors.ts';
import { createUserModules } from '../plan/ownModules.ts';
import { type CheckTypes, type UserModules } from '../usercode/userModules.ts';

/** Keeps the random numbers of the initial weights apart from the samples'. */
const INIT_STREAM = 0x1417;

export interface TrainJob {
  /** In `fs`, such as `workspace/configs/shapes/retinanet_tiny_shapes.py`. */
  configPath: string;
  fs: FileSystem;
  decodeImage: DecodeImage;
  control: RunControl;
  onEvent: RunListener;
  cfgOptions?: Record<string, unknown>;
  /** Default `work_dirs/<config>/<timestamp>`. */
  workDir?: string;
  /** A checkpoint to go on from; overrides the config's. */
  resumeFrom?: string;
  /** A checkpoint to take the weights of; overrides the config's. */
  loadFrom?: string;
  /** Go on with the newest checkpoint of this config's runs, if there is one; overrides the config's. */
  autoResume?: boolean;
  /** Switch the config's `auto_scale_lr` on. */
  autoScaleLr?: boolean;
  /** Default: the config's, else that of the checkpoint that is resumed, else 0. */
  seed?: number;
  /** How variants of kernels are chosen. Default: as the config's `kernels` says, else auto. */
  kernels?: Omit<KernelOptions, 'isDeterministic'>;
  /** Run op by op instead of compiling the steps: slower, the same numbers. Default false. */
  eager?: boolean;
  /** What a NaN or infinite loss does, besides a warning. Default: pause, so that a person can look. */
  onInvalidLoss?: 'pause' | 'go-on' | 'stop';
  /** Keep other runs out of the work dir. Default: no others can be. */
  locks?: Locks;
  /** Who trains where, as the log says: `user@machine`. */
  host?: string;
  /** Environment variables, for loggers; a page has none. */
  readEnv?: RunServices['readEnv'];
  /** Finds type errors in the modules of the run: warnings in its log. Default: they are not looked for. */
  checkTypes?: CheckTypes;
  /** Hands over errors that nobody waits for; default: they are not looked for. */
  watchStray?: WatchStray;
  /** Asks a person for a logger's key. */
  askSecret?: RunServices['askSecret'];
  /** Where samples are decoded; default: in this thread. */
  createSampleSource?: (spec: DatasetSpec) => Promise<SampleSource>;
}

export interface TrainResult {
  readonly workDir: string;
  readonly end: 'finished' | 'stopped';
}

/** Acquire the GPU, once. @throws DeviceError in plain words when there is none */
export async function prepareEngine(): Promise<AdapterInfo> {
  return initEngine();
}

/**
 * Train from a config. Everything the run says goes through `onEvent` and into the work dir; a failure is
 * reported there and thrown.
 */
export async function train(job: TrainJob): Promise<TrainResult> {
  const { fs, onEvent, control } = job;
  onEvent({ name: 'run.phaseChanged', phase: 'preparing' });
  const started = new Date();
  const timestamp = formatTimestamp(started);
  let folder: RunFolder | null = null;
  // Whatever was built is freed at the end, also when building the rest failed.
  const cleanups: (() => void)[] = [];
  let runConfig: RunConfig | null = null;
  let running: BaseRunner | null = null;
  let kernels: KernelsInUse | null = null;
  const userModules = createUserModules();
  const ignoreStray = failOnStray(job.watchStray, control, userModules);
  try {
    runConfig = await readRunConfig(fs, job.configPath, job.cfgOptions);
    const workDir = job.workDir ?? workDirOf(runConfig, timestamp);
    const owner = `training of ${runConfig.name} by ${job.host ?? 'tabtrain'}`;
    folder = await RunFolder.open({ fs, path: workDir, locks: job.locks, owner, timestamp, onEvent });
    const { logger } = folder;
    folder.record = {
      ...NEW_RECORD,
      configName: runConfig.name,
      configPath: job.configPath,
      startedMs: started.getTime(),
    };
    await initEngine();
    const { dict } = runConfig;
    kernels = await useKernelChoices(fs, {
      mode: job.kernels?.mode ?? readKernelMode(dict.kernels ?? 'auto', 'kernels'),
      folder: job.kernels?.folder,
      isDeterministic: dict.deterministic === true,
    });
    const resume = await openResumed(job, runConfig.dict, workDir, logger);
    const seed = job.seed ?? configSeed(runConfig.dict) ?? resume?.seed ?? 0;
    const { areDeterministic } = kernels;
    const options = {
      ...job,
      folder,
      workDir,
      logger,
      timestamp,
      seed,
      areDeterministic,
      runConfig,
      userModules,
      resume,
    };
    const run = await prepareRun(options, cleanups);
    const { runner, loaders, workflow } = run;
    folder.record = {
      ...folder.record,
      classes: run.classes,
      itersPerEpoch: run.itersPerEpoch,
      maxEpochs: run.maxEpochs,
      maxIters: run.maxIters,
      adapter: adapterInfo().name,
      seed,
      resumedFrom: resume?.path ?? null,
    };
    await folder.begin();
    onEvent({
      name: 'run.started',
      workDir,
      configName: runConfig.name,
      classes: run.classes,
      maxEpochs: run.maxEpochs,
      maxIters: run.maxIters,
      itersPerEpoch: run.itersPerEpoch,
      startEpoch: runner.epoch,
      startIter: runner.iter,
      parameterCount: run.parameterCount,
      trainableParameterCount: run.trainableParameterCount,
    });
    onEvent({ name: 'run.phaseChanged', phase: 'running' });
    control.onChange(() => {
      const phase = control.isStopRequested ? 'stopping' : control.isPaused ? 'paused' : 'running';
      onEvent({ name: 'run.phaseChanged', phase });
    });
    running = runner;
    await runner.run(loaders, workflow);
    control.throwFailure();
    running = null;
    // An epoch that a hook made the last one may be off the checkpoints' interval.
    const isCutShort = runner.end === 'stopped' || runner.stopTraining !== null;
    if (isCutShort && folder.isClaimed) await saveStopped(runner, run.model);
    await folder.end(runner.end, null);
    onEvent({ name: 'run.phaseChanged', phase: runner.end });
    return { workDir, end: runner.end };
  } catch (cause) {
    const located = userModules.locate(cause);
    const error = runConfig ? locateError(located, runConfig.dict) : located;
    const report = maskSecretsIn(toErrorReport(error)) as ErrorReport;
    folder?.logger.error(error instanceof TrainerError ? error.format() : (report.stack ?? report.message));
    if (running) await endHooks(running);
    // The disk itself may be what failed; the first error is the one to show.
    await folder?.end('failed', report.message).catch(() => undefined);
    onEvent({ name: 'run.phaseChanged', phase: 'failed', error: report });
    throw error;
  } finally {
    ignoreStray();
    control.onChange(() => undefined);
    // What a hook has begun to time must not go on in the next run.
    await endProfilePasses().catch(() => undefined);
    for (const cleanup of [...cleanups, trimMemory, () => kernels?.end(), () => folder?.release()]) {
      try {
        await cleanup();
      } catch (error) {
        // The others free what they hold all the same, and the run's own end is what counts.
        onEvent({ name: 'run.noticed', level: 'warning', code: 'cleanup-failed', message: String(error) });
      }
    }
  }
}

/** Tell every hook that the run failed; what goes wrong now is not what to show. */
async function endHooks(runner: BaseRunner): Promise<void> {
  for (const hook of runner.hooks) {
    try {
      await hook.afterFailure(runner);
    } catch (error) {
      runner.logger.warning(`${hook.hookName}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

interface PreparedRun {
  readonly runner: BaseRunner;
  readonly model: Detector;
  readonly loaders: readonly BatchLoader[];
  readonly workflow: Workflow;
  readonly classes: readonly string[];
  readonly maxEpochs: number;
  readonly maxIters: number;
  readonly itersPerEpoch: number;
  readonly parameterCount: number;
  readonly trainableParameterCount: number;
}

interface PrepareOptions extends TrainJob {
  folder: RunFolder;
  workDir: string;
  logger: Logger;
  timestamp: string;
  seed: number;
  areDeterministic: boolean;
  runConfig: RunConfig;
  userModules: UserModules;
  resume: ResumedRun | null;
}

/** @param cleanups gets what frees each thing built here */
async function prepareRun(options: PrepareOptions, cleanups: (() => void)[]): Promise<PreparedRun> {
  const { fs, decodeImage, logger, workDir, timestamp, seed, runConfig, onEvent, control } = options;
  const { config } = runConfig;
  const { userModules } = options;
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (warned.has(message)) return;
    warned.add(message);
    logger.warning(message);
  };
  const { readEnv, askSecret } = options;
  const services = { fs, decodeImage, seed, warn, log: logger, readEnv, askSecret };
  const context = new BuildContext(userModules.registries, services);
  const configText = maskSecrets(config.prettyText());
  options.folder.keep(`${runConfig.name}.py`, configText);
  const adapter = adapterInfo();
  logger.info(`Adapter: ${adapter.name}${adapter.isSoftware ? ' (software: the CPU does the work)' : ''}`);
  logger.info(`Config:\n${configText}`);
  logger.info(`Set random seed to ${seed}, deterministic: ${options.areDeterministic ? 'True' : 'False'}`);
  for (const warning of runConfig.warnings) logger.warning(warning);
  const data = isDict(runConfig.dict.data) ? runConfig.dict.data : {};
  const batchSize = batchSizeOf(data, true);
  const dict = autoScaleLr(runConfig.dict, batchSize, (line) => logger.info(line), options.autoScaleLr);
  await userModules.import(options.configPath, dict, context);
  for (const { span, message, code } of await userModules.checkTypes(options.checkTypes))
    logger.warning(`${formatSpan(span)}: ${message} (${code})`);

  const evaluation = readEvaluation(dict);
  if (evaluation) checkEvaluation(evaluation, null);
  const hasVal = data.val !== undefined && data.val !== null;
  for (const warning of evaluationWarnings(dict, hasVal)) warn(warning);
  // Data first: a missing file should be told before the model is built.
  const workflow = readWorkflow(dict.workflow);
  const open = openDataset(options, context, cleanups);
  const trainSet = await open('train');
  const loaders: BatchLoader[] = [];
  for (const [mode] of workflow) {
    const set = mode === 'val' ? await open('val_as_train') : trainSet;
    loaders.push(makeLoader(set, dict, seed, true));
  }
  const valSet = evaluation && hasVal ? await open('val') : null;
  if (evaluation && valSet) checkEvaluation(evaluation, valSet.dataset);
  const classes = trainSet.dataset.CLASSES;

  const model = buildModel(dict, context);
  cleanups.push(() => model.dispose());
  model.CLASSES = classes;
  await model.initWeights(Rng.derive(seed, INIT_STREAM), {
    loadPretrained: async (path) => (await readCheckpoint(fs, path)).stateDict,
    warn,
  });
  const parameters = model.parameters();
  const count = (list: typeof parameters): number => list.reduce((sum, p) => sum + p.size, 0);
  const optimizer = buildOptimizer(model, dict.optimizer, context);
  cleanups.push(() => {
    // Gradients of unfinished accumulation, or of a step that failed.
    optimizer.zeroGrad();
    optimizer.dispose();
  });
  await checkFormulas(optimizer, userModules.modules);
  const watch = watchLosses({
    batch: () => runner.dataBatch,
    onInvalid: (message) => {
      logger.warning(`${message}. ${INVALID_LOSS_HINT}`);
      if (options.onInvalidLoss === 'go-on') return;
      if (options.onInvalidLoss === 'stop') {
        control.fail(new RunError(message, { code: 'invalid-loss', hint: INVALID_LOSS_HINT }));
        return;
      }
      onEvent({
        name: 'run.noticed',
        level: 'warning',
        code: 'invalid-loss',
        message,
        hint: INVALID_LOSS_HINT,
      });
      control.pause();
    },
  });
  let largestPlan = 0;
  const runner: BaseRunner = buildRunner(readRunnerCfg(dict), context.registries.RUNNERS, {
    model,
    optimizer,
    fs,
    workDir,
    logger,
    timestamp,
    host: options.host,
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
      env_info: `tabtrain 0.1.0, adapter: ${adapter.name}`,
      config: configText,
      seed,
      exp_name: config.filename.split('/').at(-1),
      mmdet_version: '2.28.2',
      tabtrain: { version: '0.1.0', seed },
    },
  });
  cleanups.push(() => {
    runner.releaseStep();
    runner.logBuffer.clear();
  });
  const itersPerEpoch = loaders[workflow.findIndex(([mode]) => mode === 'train')]?.length ?? 0;
  const length = runLength(runner, itersPerEpoch);
  const validation =
    valSet && evaluation
      ? {
          cfg: evaluation,
          evaluator: new DetectorEvaluator({
            model,
            dataset: valSet.dataset,
            loader: makeLoader(valSet, dict, seed, false),
            fs,
            decodeImage,
            log: (line) => logger.info(line),
          }),
        }
      : null;
  registerRunHooks(runner, dict, context, validation);

  const loadFrom = options.loadFrom ?? stringOrNull(dict.load_from);
  if (options.resume) await resumeRun(runner, model, options.resume.path, options.resume.checkpoint);
  else if (loadFrom) {
    const { stateDict, notes } = await readCheckpoint(fs, loadFrom);
    const report = model.loadStateDict(stateDict);
    checkSomethingLoaded(model, report, loadFrom, stateDict);
    for (const warning of [...notes, ...report.warnings]) logger.warning(warning);
    logger.info(`load checkpoint from ${loadFrom}`);
  }
  model.setStepMode({
    eager: options.eager,
    onFallback: (step, reason) => {
      warn(
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
  // Before the first step is recorded: it writes gradients to the places that this makes.
  optimizer.prepare();
  return {
    runner,
    model,
    loaders,
    workflow,
    classes,
    ...length,
    itersPerEpoch,
    parameterCount: count(parameters),
    trainableParameterCount: count(parameters.filter((p) => p.requiresGrad)),
  };
}

function openDataset(
  options: PrepareOptions,
  context: BuildContext,
  cleanups: (() => void)[],
): (split: DatasetSplit) => Promise<OpenDataset> {
  const { fs, decodeImage, runConfig, configPath, cfgOptions, seed, userModules } = options;
  const withUserModules = userModules.hasDataClasses;
  const createSource =
    options.createSampleSource ?? ((spec: DatasetSpec) => createLocalSampleSource(spec, { fs, decodeImage }));
  let trained: readonly string[] | undefined;
  return async (split) => {
    const classes = split === 'train' ? undefined : trained;
    const dataset = await buildDataset(runConfig.dict, split, context, classes);
    trained ??= dataset.CLASSES;
    const { indexedFiles } = dataset;
    const spec = { configPath, cfgOptions, split, seed, withUserModules, classes, indexedFiles };
    const source = await createSource(spec);
    cleanups.push(() => source.dispose?.());
    return { dataset, source };
  };
}

function workDirOf({ dict, name }: RunConfig, timestamp: string): string {
  const configured = stringOrNull(dict.work_dir);
  return `${configured ?? `work_dirs/${name}`}/${timestamp}`;
}

/** `%Y%m%d_%H%M%S` in local time. */
function formatTimestamp(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
