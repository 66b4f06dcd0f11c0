// One rule for paths in every file system: POSIX, relative to the root, never outside it.

import { StorageError } from '../errors/index.ts';

/**
 * Bring a path to its one form: no leading '/', no '.', no empty parts, inner '..' resolved; '' is the root.
 * @throws StorageError `path-outside-root` when it leaves the root or holds NUL, a backslash or a drive letter.
 * @example
 * normalizePath('/data/./bccd//images/../1.jpg') // 'data/bccd/1.jpg'
 */
export function normalizePath(path: string): string {
  if (path.includes('\0')) throw outside(path, 'it contains a NUL character');
  if (path.includes('\\')) throw outside(path, 'it contains a backslash');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw outside(path, "'..' leaves the root");
  }
  if (/^[A-Za-z]:/.test(parts[0] ?? '')) throw outside(path, 'it starts with a drive letter');
  return parts.join('/');
}

/** @returns the folder of a normalised path ('' for the root's own entries) and the last name. */
export function splitPath(path: string): { dir: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { dir: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

/** Join normalised parts; empty ones vanish. */
export function joinPath(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** True when `path` is `folder` or lies in it; both normalised. */
export function isInside(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

/** Compare names by code units, the order that `list` promises. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function outside(path: string, reason: string): StorageError {
  return new StorageError(`path must stay inside the root folder, got ${JSON.stringify(path)}: ${reason}`, {
    code: 'path-outside-root',
    path,
  });
}
