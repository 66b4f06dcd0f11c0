// The files that a run's weights come from: whether they are there can be known before it.

import type { Problem } from '../contracts/problem.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { TrainerError } from '../errors/trainerError.ts';
import { pretrainedParts } from '../nn/init/pretrained.ts';
import { statCheckpoint } from '../runner/checkpointFile.ts';
import type { Parts } from './parts.ts';

interface Named {
  readonly path: string;
  readonly span?: Problem['span'];
  file(): string;
}

/** Tell of `load_from`, `resume_from` and each init_cfg `Pretrained` that names no file, at its place. */
export async function weightProblems({ dict, host, job, model }: Parts): Promise<Problem[]> {
  const given = host.weights === undefined ? beginningsOf(dict) : [];
  const pretrained = model ? pretrainedParts(model) : [];
  const problems: Problem[] = [];
  for (const named of [...given, ...pretrained]) problems.push(...(await problemsOf(named, job.fs)));
  return problems;
}

/** What a config has a run begin with; MMCV doesn't look at load_from beside resume_from. */
function beginningsOf(dict: Readonly<Record<string, unknown>>): Named[] {
  for (const path of ['resume_from', 'load_from']) {
    const file = dict[path];
    if (typeof file === 'string' && file !== '') return [{ path, file: () => file }];
  }
  return [];
}

async function problemsOf({ path, span, file }: Named, fs: FileSystem): Promise<Problem[]> {
  try {
    await statCheckpoint(fs, file());
    return [];
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    const { code, message, hint } = error;
    return [{ severity: 'error', code, message, path, span, hint }];
  }
}
