// What a run may delete: checkpoints that it wrote or that are recognised as tabtrain's. Never a folder.

import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Logger } from './logger.ts';
import { readCheckpoint } from './checkpoint.ts';

interface Owner {
  readonly fs: FileSystem;
  readonly logger: Logger;
  hasWritten(path: string): boolean;
}

/**
 * Delete a checkpoint that newer ones replace.
 * @returns `absent`, `removed`, or `foreign` for what this program did not write: it stays, and is named in the log
 */
export async function removeOwn(run: Owner, path: string): Promise<'absent' | 'removed' | 'foreign'> {
  const stat = await run.fs.stat(path);
  if (!stat) return 'absent';
  if (stat.kind === 'file' && (run.hasWritten(path) || (await isOurs(run.fs, path)))) {
    await run.fs.remove(path);
    return 'removed';
  }
  const what = stat.kind === 'file' ? 'is no checkpoint of this program' : 'is a folder';
  run.logger.warning(`${path} would be deleted to make room for newer checkpoints, but it ${what}: it stays`);
  return 'foreign';
}

async function isOurs(fs: FileSystem, path: string): Promise<boolean> {
  try {
    return (await readCheckpoint(fs, path)).meta.has('tabtrain');
  } catch {
    return false;
  }
}
