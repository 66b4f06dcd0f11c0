import type { ConfigDict } from '../config/index.ts';
import { invariant } from '../errors/invariant.ts';
import { CheckpointError, ConfigError } from '../errors/trainerError.ts';
import { isFiniteTensor, readCheckpoint } from '../runner/checkpoint.ts';
import type { LoadedCheckpoint } from '../runner/loadedCheckpoint.ts';
import { plainTruth } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { Logger } from '../runner/logger.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { checkpointsToResume, ownCheckpoints } from '../runner/foundCheckpoints.ts';
import { readRunRecord } from './runRecord.ts';

interface ResumeRequest {
  readonly fs: FileSystem;
  readonly resumeFrom?: string;
  readonly autoResume?: boolean | 'own';
  readonly seed?: number;
}

/** The checkpoint that a run goes on from. */
export class ResumedRun {
  readonly path: string;
  /** The seed of the run that wrote it. */
  readonly seed: number | null;
  #checkpoint: LoadedCheckpoint | null;

  constructor({ path, checkpoint }: OpenedCheckpoint, seed: number | null) {
    this.path = path;
    this.seed = seed;
    this.#checkpoint = checkpoint;
  }

  /** Hand over what was read, once: all that a run knows of its start lives as long as the run. */
  take(): LoadedCheckpoint {
    const checkpoint = this.#checkpoint;
    invariant(checkpoint, `the checkpoint ${this.path} is taken once`);
    this.#checkpoint = null;
    return checkpoint;
  }
}

/**
 * Find and read the checkpoint to go on from: the job's, the config's, or the newest good one with auto_resume.
 * @throws CheckpointError of the one that was named, and of the newest where none is good
 */
export async function openResumed(
  job: ResumeRequest,
  dict: ConfigDict,
  workDir: string,
  logger: Logger,
): Promise<ResumedRun | null> {
  const path = job.resumeFrom ?? stringOrNull(dict.resume_from);
  const auto = job.autoResume ?? plainTruth(dict.auto_resume);
  if (path !== null) return withSeed(await open(job.fs, path), job, dict, logger);
  if (auto === false) return null;
  const paths = auto === 'own' ? ownCheckpoints(job.fs, workDir) : checkpointsToResume(job.fs, workDir);
  const opened = await openNewest(job.fs, paths, logger);
  if (opened) return withSeed(opened, job, dict, logger);
  if (auto === 'own')
    throw new CheckpointError(`a run goes on from a checkpoint, but ${workDir} holds none`, {
      code: 'not-found',
      path: workDir,
      hint: 'start a new run',
    });
  logger.info('auto_resume: this config has no checkpoint yet, the run begins anew');
  return null;
}

interface OpenedCheckpoint {
  readonly path: string;
  readonly checkpoint: LoadedCheckpoint;
}

async function open(fs: FileSystem, path: string): Promise<OpenedCheckpoint> {
  return { path, checkpoint: await readCheckpoint(fs, path) };
}

/**
 * The newest checkpoint that is whole and whose weights are finite; those passed over are named in the log.
 * @returns null when there is no checkpoint at all
 * @throws CheckpointError of the newest when none is good
 */
async function openNewest(
  fs: FileSystem,
  paths: AsyncIterable<string>,
  logger: Logger,
): Promise<OpenedCheckpoint | null> {
  let firstError: unknown = null;
  for await (const path of paths) {
    try {
      const opened = await open(fs, path);
      for (const [name, tensor] of opened.checkpoint.stateDict)
        if (!isFiniteTensor(tensor))
          throw new CheckpointError(`weights must be finite to go on from, but ${name} of ${path} is not`, {
            code: 'not-finite',
            path,
            hint: 'start anew with a lower optimizer.lr, or with grad_clip',
          });
      logger.info(`auto_resume: going on from ${path}`);
      return opened;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      firstError ??= error;
      logger.warning(
        `auto_resume: ${path} can't be gone on from, looking for an older one: ${error.message}`,
      );
    }
  }
  if (firstError !== null) throw firstError;
  return null;
}

function withSeed(
  opened: OpenedCheckpoint,
  job: ResumeRequest,
  dict: ConfigDict,
  logger: Logger,
): ResumedRun {
  const { path, checkpoint } = opened;
  const saved = checkpoint.meta.get('seed');
  const seed = typeof saved === 'number' ? saved : null;
  const own = job.seed ?? configSeed(dict);
  if (seed !== null && own !== null && own !== seed)
    logger.warning(
      `the run that wrote ${path} had seed ${seed}, this one has ${own}: it won't see the pictures that run would have`,
    );
  return new ResumedRun(opened, seed);
}

/** The seed that a config asks for. */
export function configSeed(dict: ConfigDict): number | null {
  return typeof dict.seed === 'number' ? dict.seed : null;
}

/**
 * Read `resume_optimizer`, or the command line's: whose options a resumed optimizer has. Default `checkpoint`, as in MMCV.
 * @throws ConfigError
 */
export function readResumeOptimizer(value: unknown, path = 'resume_optimizer'): 'checkpoint' | 'config' {
  if (value === undefined || value === null) return 'checkpoint';
  if (value === 'checkpoint' || value === 'config') return value;
  throw new ConfigError(`${path} must be 'checkpoint' or 'config', but is ${plainRepr(value)}`, {
    code: 'bad-value',
    path,
  });
}

/**
 * Say that a resumed run has nothing left to train, and what would give it more.
 * @returns whether that is so, and the run that wrote the checkpoint owes its last hooks nothing either
 */
export async function isFinished(
  { fs, resume, logger }: { readonly fs: FileSystem; readonly resume: ResumedRun; readonly logger: Logger },
  runner: BaseRunner,
  itersPerEpoch: number,
): Promise<boolean> {
  if (!runner.hasNothingLeft(itersPerEpoch)) return false;
  const { maxEpochs, maxIters } = runner;
  const [key, length] =
    maxEpochs === undefined ? ['runner.max_iters', maxIters] : ['runner.max_epochs', maxEpochs];
  logger.warning(
    `nothing is left to train: ${resume.path} is of the end of a run of ${key}=${length}; raise ${key} to train on, or start a new run from its weights with load_from`,
  );
  if (!runner.owesHooks) return true;
  const folder = resume.path.split('/').slice(0, -1).join('/');
  return (await readRunRecord(fs, folder))?.status === 'finished';
}

export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
