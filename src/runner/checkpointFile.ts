import type { FileStat, FileSystem } from '../contracts/fileSystem.ts';
import { CheckpointError } from '../errors/trainerError.ts';
import { filesIn, nearbyFiles } from '../storage/nearbyFiles.ts';
import { remoteScheme } from '../util/remoteAddress.ts';

/**
 * Find a checkpoint's file.
 * @throws CheckpointError `remote-checkpoint` for an address; `not-found`, with what lies there instead
 */
export async function statCheckpoint(fs: FileSystem, path: string): Promise<FileStat> {
  if (remoteScheme(path) !== null) {
    throw new CheckpointError(`checkpoints are read from files, but got the address ${path}`, {
      code: 'remote-checkpoint',
      path,
      hint: 'download the file and drop it on the page (or give its path)',
    });
  }
  const stat = await fs.stat(path);
  if (stat?.kind === 'file') return stat;
  const isFolder = stat?.kind === 'directory';
  throw new CheckpointError(`the checkpoint ${path} ${isFolder ? 'is a folder' : 'does not exist'}`, {
    code: 'not-found',
    path,
    hint: isFolder ? await filesIn(fs, path, '.pth') : await nearbyFiles(fs, path, '.pth'),
  });
}
