import type { ConfigDict } from '../config/index.ts';
import { readCheckpoint, type LoadedCheckpoint } from '../runner/checkpoint.ts';
import type { Logger } from '../runner/logger.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { findRunToResume } from './autoResume.ts';

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
  let path = job.resumeFrom ?? stringOrNull(dict.resume_from);
  if (path === null && (job.autoResume ?? dict.auto_resume === true)) {
    path = await findRunToResume(job.fs, workDir);
    logger.info(
      path === null
        ? 'auto_resume: this config has no checkpoint yet, the run begins anew'
        : `auto_resume: going on from ${path}`,
    );
  }
  if (path === null) return null;
  const checkpoint = await readCheckpoint(job.fs, path);
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

export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
