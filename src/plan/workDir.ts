import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Problem } from '../contracts/problem.ts';
import { StorageError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { runsFolderOf, type RunConfig } from './runConfig.ts';

/** Tell of a `work_dir` that no folder can be made at: a file stands there or on the way, or the storage refuses the path. */
export async function workDirProblems(fs: FileSystem, config: RunConfig): Promise<Problem[]> {
  const folder = runsFolderOf(config);
  try {
    const file = await fileOnTheWay(fs, folder);
    if (file === null) return [];
    const name = plainRepr(file);
    return [
      problem(
        'not-a-directory',
        `work_dir must name a folder, but ${file === folder ? name : `${name} in ${plainRepr(folder)}`} is a file`,
        `write another work_dir, or rename ${name}`,
      ),
    ];
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return [problem(error.code, `work_dir can't be used: ${error.message}`, error.hint)];
  }
}

function problem(code: string, message: string, hint?: string): Problem {
  return { severity: 'error', code, message, path: 'work_dir', hint };
}

/** The first part of a folder's path that is a file; null: there is none. */
async function fileOnTheWay(fs: FileSystem, folder: string): Promise<string | null> {
  const parts = folder.split('/');
  for (let count = 1; count <= parts.length; count++) {
    const path = parts.slice(0, count).join('/');
    if (path !== '' && (await fs.stat(path))?.kind === 'file') return path;
  }
  return null;
}
