import type { ConfigDict } from '../config/index.ts';
import { CheckpointError, ConfigError } from '../errors/trainerError.ts';
import { isFiniteTensor, readCheckpoint, type LoadedCheckpoint } from '../runner/checkpoint.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import type { Logger } from '../runner/logger.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { checkpointsToResume } from './autoResume.ts';
import { readRunRecord } from './runRecord.ts';

interface ResumeRequest {
  readonly fs: FileSystem;
  readonly resumeFrom?: string;
  readonly autoResume?: boolean;
  readonly seed?: number;
}

/** The checkpoint that a run goes on from. */
export interface ResumedRun {
  readonly path: string;
  readonly checkpoint: LoadedCheckpoint;
  /** The seed of the run that wrote it. */
  readonly seed: number | null;
}

/** Find and read the checkpoint to go on from: the job's, the config's, or the newest with auto_resume. */
export async function openResumed(
  job: ResumeRequest,
  dict: ConfigDict,
  workDir: string,
  logger: Logger,
): Promise<ResumedRun | null> {
  const path = job.resumeFrom ?? stringOrNull(dict.resume_from);
  const isAuto = path === null && (job.autoResume ?? dict.auto_resume === true);
  const opened = isAuto
    ? await openNewest(job.fs, workDir, logger)
    : path === null
      ? null
      : await open(job.fs, path);
  return opened && withSeed(opened, job, dict, logger);
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
async function openNewest(fs: FileSystem, workDir: string, logger: Logger): Promise<OpenedCheckpoint | null> {
  let firstError: unknown = null;
  for await (const path of checkpointsToResume(fs, workDir)) {
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
  logger.info('auto_resume: this config has no checkpoint yet, the run begins anew');
  return null;
}

function withSeed(
  { path, checkpoint }: OpenedCheckpoint,
  job: ResumeRequest,
  dict: ConfigDict,
  logger: Logger,
): ResumedRun {
  const saved = checkpoint.meta.get('seed');
  const seed = typeof saved === 'number' ? saved : null;
  const own = job.seed ?? configSeed(dict);
  if (seed !== null && own !== null && own !== seed)
    logger.warning(
      `the run that wrote ${path} had seed ${seed}, this one has ${own}: it won't see the pictures that run would have`,
    );
  return { path, checkpoint, seed };
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
