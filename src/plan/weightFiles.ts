// The files that a run's weights come from: whether they are there can be known before it.

import type { Problem } from '../contracts/problem.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { StorageError, TrainerError } from '../errors/trainerError.ts';
import { plainTruth } from '../lang/plain.ts';
import { pretrainedParts } from '../nn/init/pretrained.ts';
import { statCheckpoint } from '../runner/checkpointFile.ts';
import { placesOf } from '../weights/addresses.ts';
import { checkpointsOfRuns } from '../runner/foundCheckpoints.ts';
import { frozenProblems } from './frozenWeights.ts';
import type { Parts } from './parts.ts';
import { runsFolderOf, type RunConfig } from './runConfig.ts';

interface Named {
  readonly path: string;
  readonly span?: Problem['span'];
  file(): string;
}

/** Tell of `load_from`, `resume_from` and each init_cfg `Pretrained` that names no file, at its place. */
export async function weightProblems({ config, host, job, model }: Parts): Promise<Problem[]> {
  const given = host.weights === undefined ? await beginningsOf(config, job.fs) : [];
  const pretrained = model ? pretrainedParts(model) : [];
  const { resume_from: resumed, auto_resume: auto } = config.dict;
  // Whether auto_resume finds anything is known when the run begins.
  const hasWeights = host.weights != null || given.length > 0 || isName(resumed) || plainTruth(auto);
  const problems: Problem[] = frozenProblems(config.dict, hasWeights);
  for (const named of [...given, ...pretrained]) problems.push(...(await problemsOf(named, job.fs)));
  return problems;
}

/** What a config has a run begin with: whatever goes on from a checkpoint doesn't look at load_from. */
async function beginningsOf(config: RunConfig, fs: FileSystem): Promise<Named[]> {
  const { resume_from: resumed, load_from: loaded, auto_resume: auto } = config.dict;
  if (isName(resumed)) return [{ path: 'resume_from', file: () => resumed }];
  if (!isName(loaded) || (plainTruth(auto) && (await hasCheckpoint(fs, runsFolderOf(config))))) return [];
  return [{ path: 'load_from', file: () => loaded }];
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

async function hasCheckpoint(fs: FileSystem, folder: string): Promise<boolean> {
  try {
    return (await checkpointsOfRuns(fs, folder).next()).done !== true;
  } catch (error) {
    // That the folder can't be used is told at work_dir.
    if (error instanceof StorageError) return false;
    throw error;
  }
}

async function problemsOf({ path, span, file }: Named, fs: FileSystem): Promise<Problem[]> {
  try {
    // What can be fetched is, when the run begins; a run goes on from its own files.
    if (path === 'resume_from' || placesOf(file()) === null) await statCheckpoint(fs, file());
    return [];
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    const { code, message, hint } = error;
    return [{ severity: 'error', code, message, path, span, hint }];
  }
}
