// The errors that every implementation of FileSystem throws, worded once.

import { StorageError } from '../errors/index.ts';

export type StorageErrorCode =
  | 'not-found'
  | 'path-outside-root'
  | 'storage-full'
  | 'not-a-file'
  | 'not-a-directory'
  | 'read-only'
  | 'busy'
  | 'permission-denied'
  | 'closed'
  | 'io';

export function notFound(path: string, cause?: unknown): StorageError {
  return new StorageError(`file must exist, found nothing at ${show(path)}`, {
    code: 'not-found',
    path,
    cause,
  });
}

export function notAFile(path: string, cause?: unknown): StorageError {
  return new StorageError(`path must name a file, ${show(path)} is a directory`, {
    code: 'not-a-file',
    path,
    cause,
  });
}

export function notADirectory(path: string, cause?: unknown): StorageError {
  return new StorageError(`every part of a path but the last must be a directory, ${show(path)} has a file`, {
    code: 'not-a-directory',
    path,
    cause,
  });
}

export function storageFull(path: string, cause?: unknown): StorageError {
  return new StorageError(`storage must have room for ${show(path)}, but it is full`, {
    code: 'storage-full',
    path,
    hint: 'delete old runs, checkpoints or data sets that you no longer need, then try again',
    cause,
  });
}

export function readOnly(path: string, cause?: unknown): StorageError {
  return new StorageError(`path must be writable, ${show(path)} is read-only`, {
    code: 'read-only',
    path,
    cause,
  });
}

export function busy(path: string, cause?: unknown): StorageError {
  return new StorageError(`file must not be in use, ${show(path)} is open in another tab or worker`, {
    code: 'busy',
    path,
    hint: 'close the other tab or stop its run',
    cause,
  });
}

export function permissionDenied(path: string, cause?: unknown): StorageError {
  return new StorageError(`path must be accessible, ${show(path)} is refused by the system`, {
    code: 'permission-denied',
    path,
    cause,
  });
}

export function closedWriter(path: string): StorageError {
  return new StorageError(`writer must be open, the one of ${show(path)} is closed`, {
    code: 'closed',
    path,
  });
}

export function ioError(path: string, cause: unknown): StorageError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(`storage failed at ${show(path)}: ${detail}`, { code: 'io', path, cause });
}

const show = (path: string): string => (path === '' ? 'the root folder' : path);
