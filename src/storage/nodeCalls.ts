// Calls of Node's file system that need care, and what its errors mean. Node only.

import { constants } from 'node:fs';
import * as fsp from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StorageError } from '../errors/index.ts';
import * as errors from './storageErrors.ts';

/** Make a folder and those above it. Node's own `recursive` never comes back where a folder refuses children (/proc). */
export async function makeFolders(folder: string): Promise<void> {
  if (await madeFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeFolders(parent);
  // The parent is there now (others may make folders at the same time): it is the system that refuses.
  if (!(await madeFolder(folder)))
    throw Object.assign(new Error(`${folder} can't be made`), { code: 'EACCES' });
}

/** @returns true when the folder exists now, false when its parent doesn't */
async function madeFolder(folder: string): Promise<boolean> {
  try {
    await fsp.mkdir(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    const stats = await fsp.stat(folder).catch(() => null);
    if (stats?.isDirectory()) return true;
    throw error;
  }
}

/** Make a rename survive a power cut. Some systems can't open a folder: then the rename is as safe as it gets. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fsp.open(folder === '' ? '/' : folder, constants.O_RDONLY).catch(() => null);
  try {
    await handle?.sync().catch(() => undefined);
  } finally {
    await handle?.close();
  }
}

/** The error number of Node, by name. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** What an error of Node means for the path that it is about. */
export function translate(path: string, error: unknown): StorageError | Error {
  if (error instanceof Error && error.name === 'StorageError') return error;
  switch (codeOf(error)) {
    case 'ENOENT':
      return errors.notFound(path, error);
    case 'EISDIR':
      return errors.notAFile(path, error);
    case 'ENOTDIR':
    case 'EEXIST':
      return errors.notADirectory(path, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return errors.storageFull(path, error);
    case 'EROFS':
      return errors.readOnly(path, error);
    case 'EACCES':
    case 'EPERM':
      return errors.permissionDenied(path, error);
    default:
      return errors.ioError(path, error);
  }
}
