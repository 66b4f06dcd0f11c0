// A run from its first word to its last: folder, record, log, and what goes wrong.

import { TrainerError, toErrorReport, type ErrorReport } from '../errors/trainerError.ts';
import { adapterInfo, endProfilePasses, initEngine, trimMemory, type AdapterInfo } from '../gpu/index.ts';
import { plainTruth } from '../lang/plain.ts';
import { throwError } from '../plan/assemble.ts';
import { locateError } from '../plan/locateError.ts';
import { readRunConfig, runsFolderOf, type RunConfig } from '../plan/runConfig.ts';
import { workDirProblems } from '../plan/workDir.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { RunPhase } from '../contracts/runEvents.ts';
import { PLANNING_POLICY, UNATTENDED_POLICY, type GuardPolicy } from '../usercode/moduleGuard.ts';
import type { UserModules } from '../usercode/userModules.ts';
import { maskSecretsIn } from '../util/secrets.ts';
import { readKernelMode, useKernelChoices, type KernelsInUse } from './kernelChoices.ts';
import { prepareRun } from './prepareRun.ts';
import { configSeed, isFinished, openResumed } from './resumedRun.ts';
import { RunFolder } from './runFolder.ts';
import { NEW_RECORD } from './runRecord.ts';
import { saveStopped } from './saveStopped.ts';
import { StoppedEarly, throwIfStopped } from './stoppedEarly.ts';
import { takeStrays } from '../usercode/strayErrors.ts';
import type { TrainJob } from './trainJob.ts';

export type { TrainJob } from './trainJob.ts';

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
  const tellPhase = (going: RunPhase): void => {
    const phase = control.isStopRequested ? 'stopping' : control.isWaiting ? 'paused' : going;
    const waitingFor = phase === 'stopping' ? (control.activity ?? undefined) : undefined;
    onEvent({ name: 'run.phaseChanged', phase, waitingFor });
  };
  onEvent({ name: 'run.phaseChanged', phase: 'preparing' });
  control.onChange(() => tellPhase('preparing'));
  const started = new Date();
  const timestamp = formatTimestamp(started);
  let folder: RunFolder | null = null;
  // Whatever was built is freed at the end, also when building the rest failed.
  const cleanups: (() => void)[] = [];
  let runConfig: RunConfig | null = null;
  let running: BaseRunner | null = null;
  let kernels: KernelsInUse | null = null;
  // What a callback sets: TypeScript takes a plain variable for null behind it.
  const own: { modules: UserModules | null } = { modules: null };
  let ignoreStray = (): void => undefined;
  try {
    runConfig = await readRunConfig(fs, job.configPath, job.cfgOptions);
    if (job.workDir === undefined) throwError(await workDirProblems(fs, runConfig));
    const workDir = job.workDir ?? `${runsFolderOf(runConfig)}/${timestamp}`;
    const owner = `training of ${runConfig.name} by ${job.host ?? 'tabtrain'}`;
    folder = await RunFolder.open({ fs, path: workDir, locks: job.locks, owner, timestamp, onEvent });
    const { logger } = folder;
    folder.record = {
      ...NEW_RECORD,
      configName: runConfig.name,
      configPath: job.configPath,
      startedMs: started.getTime(),
    };
    await throwIfStopped(control);
    await initEngine();
    await throwIfStopped(control);
    const { dict } = runConfig;
    kernels = await useKernelChoices(fs, {
      mode: job.kernels?.mode ?? readKernelMode(dict.kernels ?? 'auto', 'kernels'),
      folder: job.kernels?.folder,
      isDeterministic: plainTruth(dict.deterministic),
      isStopped: () => control.checkpoint(),
    });
    const resume = await openResumed(job, runConfig.dict, workDir, logger);
    const seed = job.seed ?? configSeed(runConfig.dict) ?? resume?.seed ?? 0;
    const { areDeterministic } = kernels;
    const run = await prepareRun(
      {
        ...job,
        folder,
        workDir,
        logger,
        timestamp,
        seed,
        areDeterministic,
        runConfig,
        resume,
        onModules: (loaded) => {
          own.modules = loaded;
          loaded.guard.policy = { ...PLANNING_POLICY, onBusy: job.onModuleBusy };
          ignoreStray = takeStrays(job.watchStray, loaded, (error) => control.fail(error));
        },
      },
      cleanups,
    );
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
    if (resume && (await isFinished({ fs, resume, logger }, runner, run.itersPerEpoch))) {
      await folder.end('finished', null);
      onEvent({ name: 'run.phaseChanged', phase: 'finished' });
      return { workDir, end: 'finished' };
    }
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
    tellPhase('running');
    control.onChange(() => tellPhase('running'));
    running = runner;
    if (own.modules) own.modules.guard.policy = policyOf(job);
    await runner.run(loaders, workflow);
    control.throwFailure();
    own.modules?.guard.throwTripped();
    running = null;
    // An epoch that a hook made the last one may be off the checkpoints' interval.
    const isCutShort = runner.end === 'stopped' || runner.stopTraining !== null;
    control.doing(() => 'writing a checkpoint');
    if (isCutShort && folder.isClaimed) await saveStopped(runner, run.model);
    await folder.end(runner.end, null);
    onEvent({ name: 'run.phaseChanged', phase: runner.end });
    return { workDir, end: runner.end };
  } catch (cause) {
    // It has not begun: its folder stays what it was, or is not made.
    if (cause instanceof StoppedEarly && folder) {
      onEvent({ name: 'run.phaseChanged', phase: 'stopped' });
      return { workDir: folder.path, end: 'stopped' };
    }
    const located = locate(cause, own.modules);
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

function policyOf({ onModuleBusy }: TrainJob): GuardPolicy {
  return onModuleBusy ? { limitS: Infinity, onBusy: onModuleBusy } : UNATTENDED_POLICY;
}

/** With its place in the person's own code. */
function locate(cause: unknown, modules: UserModules | null): unknown {
  return modules ? modules.locate(cause) : cause;
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

/** `%Y%m%d_%H%M%S` in local time. */
function formatTimestamp(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
