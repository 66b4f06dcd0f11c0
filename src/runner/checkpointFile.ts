import type { FileStat, FileSystem } from '../contracts/fileSystem.ts';
import { CheckpointError } from '../errors/trainerError.ts';
import { firstOf } from '../util/firstOf.ts';
import { nearest } from '../util/nearest.ts';
import { remoteScheme } from '../util/remoteAddress.ts';

const SHOWN_NAMES = 6;

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
    hint: isFolder ? await filesIn(fs, path) : await neighbours(fs, path),
  });
}

/** The first part of a path that isn't there, with the name beside it that was most likely meant. */
async function neighbours(fs: FileSystem, path: string): Promise<string | undefined> {
  const parts = path.split('/');
  for (let i = 1; i < parts.length; i++) {
    const folder = parts.slice(0, i).join('/');
    if (folder !== '' && (await fs.stat(folder))?.kind !== 'directory') return firstMissing(fs, parts, i - 1);
  }
  return firstMissing(fs, parts, parts.length - 1);
}

async function firstMissing(
  fs: FileSystem,
  parts: readonly string[],
  i: number,
): Promise<string | undefined> {
  const folder = parts.slice(0, i).join('/');
  const names = (await fs.list(folder)).map(({ name }) => name);
  const near = nearest(parts[i] ?? '', names);
  if (near !== undefined) return `did you mean '${[...parts.slice(0, i), near].join('/')}'?`;
  return filesIn(fs, folder);
}

async function filesIn(fs: FileSystem, folder: string): Promise<string | undefined> {
  // The root's own entries say nothing about checkpoints.
  if (folder === '') return undefined;
  const names = (await fs.list(folder)).map(({ name }) => name);
  const weights = names.filter((name) => name.endsWith('.pth'));
  if (names.length === 0) return `${folder} is empty`;
  return `${folder} has ${firstOf(weights.length > 0 ? weights : names, SHOWN_NAMES)}`;
}
