// The data worker's file calls, over any file system.

import { StorageError } from '../errors/trainerError.ts';
import { isInside, normalizePath } from '../storage/path.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { FileInfo, SeedFile } from './protocol.ts';

/** Which text was seeded under which path, so that later versions of the page can tell edited files apart. */
const SEEDS_FILE = 'workspace/.seeds.json';

/**
 * The guard of every call that changes files: what the page asks for must lie below the folder that the call is for.
 * @returns the path in its one form
 * @throws StorageError `outside-folder`, or `path-outside-root`
 */
export function requireBelow(folder: string, path: string): string {
  const normal = normalizePath(path);
  if (normal !== folder && isInside(normal, folder)) return normal;
  throw new StorageError(`only files below ${folder}/ can be changed here, got ${path}`, {
    code: 'outside-folder',
    path,
  });
}

/** All files below a folder, sorted by path; hidden ones are left out. */
export async function fileTree(fs: FileSystem, path: string): Promise<FileInfo[]> {
  const found: FileInfo[] = [];
  for (const { name, kind } of await fs.list(path)) {
    if (name.startsWith('.')) continue;
    const child = `${path}/${name}`;
    if (kind === 'directory') found.push(...(await fileTree(fs, child)));
    else {
      const stat = await fs.stat(child);
      if (stat) found.push({ path: child, bytes: stat.bytes, modifiedMs: stat.modifiedMs });
    }
  }
  return found;
}

/**
 * Write a text unless somebody else has changed the file: no tab writes over another's words.
 * @param expected what the caller believes to be stored; null for nothing; undefined: whatever is
 * @returns what is stored instead, in which case nothing was written; null when it was
 */
export async function writeExpected(
  fs: FileSystem,
  path: string,
  text: string,
  expected: string | null | undefined,
): Promise<string | null> {
  return withLock(`tabtrain-file:${path}`, async () => {
    if (expected !== undefined) {
      const stored = (await fs.stat(path)) ? await fs.readText(path) : null;
      if (stored === text) return null;
      // A file that was deleted elsewhere comes back: nothing of it is lost by that.
      if (stored !== null && stored !== expected) return stored;
    }
    await fs.writeFile(path, text);
    return null;
  });
}

/** Between reading and writing no other tab may write. Node has no such lock, and no other tabs. */
async function withLock<T>(name: string, action: () => Promise<T>): Promise<T> {
  if (typeof navigator === 'undefined' || !('locks' in navigator)) return action();
  return navigator.locks.request(name, action);
}

/** @throws StorageError `not-found` or `file-exists` */
export async function copyFile(fs: FileSystem, from: string, to: string): Promise<void> {
  if (await fs.stat(to)) {
    throw new StorageError(`the name must be free: ${to} exists already`, { code: 'file-exists', path: to });
  }
  await fs.writeFile(to, await fs.readFile(from));
}

const PIECE_BYTES = 2 ** 22;

/** Copy a file into a folder, piece by piece. @returns its path */
export async function keepFile(fs: FileSystem, folder: string, file: File): Promise<string> {
  const path = `${folder}/${file.name}`;
  const writer = await fs.createWriter(path);
  try {
    for (let at = 0; at < file.size; at += PIECE_BYTES)
      await writer.write(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
  return path;
}

/**
 * Bring the shipped files into the workspace: new ones are written, unedited ones get the newest text; edited and
 * deleted ones stay as the person left them.
 * @returns the paths that were written
 */
export async function seedWorkspace(fs: FileSystem, files: readonly SeedFile[]): Promise<string[]> {
  const seeded = await readSeeds(fs);
  const written: string[] = [];
  const next: Record<string, string> = {};
  for (const { path, text } of files) {
    next[path] = text;
    const before = seeded[path];
    if (before === text) continue;
    const isThere = (await fs.stat(path)) !== null;
    const isUntouched = before === undefined ? !isThere : isThere && (await fs.readText(path)) === before;
    if (!isUntouched) continue;
    await fs.writeFile(path, text);
    written.push(path);
  }
  if (files.some(({ path, text }) => seeded[path] !== text)) {
    await fs.writeFile(SEEDS_FILE, JSON.stringify({ ...seeded, ...next }));
  }
  return written;
}

async function readSeeds(fs: FileSystem): Promise<Record<string, string>> {
  if (!(await fs.stat(SEEDS_FILE))) return {};
  try {
    const seeds: unknown = JSON.parse(await fs.readText(SEEDS_FILE));
    return typeof seeds === 'object' && seeds !== null ? (seeds as Record<string, string>) : {};
  } catch {
    // Damaged: files that exist then count as edited, which loses nothing.
    return {};
  }
}
