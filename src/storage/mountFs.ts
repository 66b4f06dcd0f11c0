// One tree made of several file systems: `--data bccd=/somewhere` shows up as data/bccd.

import type { DirEntry, FileStat, FileSystem, FileWriter } from '../contracts/fileSystem.ts';
import { byName, isInside, joinPath, normalizePath } from './path.ts';
import { notAFile, notFound, readOnly } from './storageErrors.ts';

/** A mounted file system; `readOnly` makes every write under it throw StorageError `read-only`. */
export type Mount = FileSystem | { readonly fs: FileSystem; readonly readOnly: boolean };

/**
 * Lay file systems over folders of a base. The longest mount point that holds a path wins. The folders above a
 * mount point exist even where the base lacks them. A mount point itself can be neither removed nor renamed.
 *
 * @example
 * createMountFs(createNodeFs('.'), { 'data/bccd': { fs: createNodeFs('/sets/bccd'), readOnly: true } })
 */
export function createMountFs(base: FileSystem, mounts: Readonly<Record<string, Mount>>): FileSystem {
  const points = Object.entries(mounts).map(([path, mount]) => {
    const options = 'fs' in mount ? mount : { fs: mount, readOnly: false };
    return { at: normalizePath(path), fs: options.fs, readOnly: options.readOnly };
  });
  points.sort((a, b) => b.at.length - a.at.length);
  return new MountFs(base, points);
}

interface Point {
  readonly at: string;
  readonly fs: FileSystem;
  readonly readOnly: boolean;
}

interface Place {
  readonly fs: FileSystem;
  readonly path: string;
}

class MountFs implements FileSystem {
  readonly #base: FileSystem;
  readonly #points: readonly Point[];

  constructor(base: FileSystem, points: readonly Point[]) {
    this.#base = base;
    this.#points = points;
  }

  async readFile(path: string): Promise<Uint8Array> {
    const place = this.#find(path);
    return place.fs.readFile(place.path);
  }

  async readText(path: string): Promise<string> {
    const place = this.#find(path);
    return place.fs.readText(place.path);
  }

  async readRange(path: string, start: number, end: number): Promise<Uint8Array> {
    const place = this.#find(path);
    return place.fs.readRange(place.path, start, end);
  }

  async stat(path: string): Promise<FileStat | null> {
    const place = this.#find(path);
    const stat = await place.fs.stat(place.path);
    if (stat || this.#below(normalizePath(path)).length === 0) return stat;
    return { kind: 'directory', bytes: 0, modifiedMs: 0 };
  }

  async list(path: string): Promise<DirEntry[]> {
    const place = this.#find(path);
    const entries = new Map((await place.fs.list(place.path)).map((entry) => [entry.name, entry]));
    const dir = normalizePath(path);
    for (const point of this.#below(dir)) {
      const name = point.at
        .slice(dir === '' ? 0 : dir.length + 1)
        .split('/', 1)
        .join();
      entries.set(name, { name, kind: 'directory' });
    }
    return [...entries.values()].sort(byName);
  }

  async makeDir(path: string): Promise<void> {
    if (this.#points.some((point) => isInside(point.at, normalizePath(path)))) return;
    const place = this.#findWritable(path);
    await place.fs.makeDir(place.path);
  }

  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    const place = this.#findFilePlace(path);
    await place.fs.writeFile(place.path, data);
  }

  async appendFile(path: string, data: Uint8Array | string): Promise<void> {
    const place = this.#findFilePlace(path);
    await place.fs.appendFile(place.path, data);
  }

  async createWriter(path: string): Promise<FileWriter> {
    const place = this.#findFilePlace(path);
    return place.fs.createWriter(place.path);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#findWritable(from);
    const target = this.#findWritable(to);
    this.#refusePoints(from);
    this.#refusePoints(to);
    if (source.fs === target.fs) {
      await source.fs.rename(source.path, target.path);
      return;
    }
    if (!(await source.fs.stat(source.path))) throw notFound(normalizePath(from));
    await target.fs.remove(target.path);
    await copyTree(source, target);
    await source.fs.remove(source.path);
  }

  async link(targetName: string, path: string): Promise<boolean> {
    const place = this.#findFilePlace(path);
    return (await place.fs.link?.(targetName, place.path)) ?? false;
  }

  async readLink(path: string): Promise<string | null> {
    const place = this.#find(path);
    return (await place.fs.readLink?.(place.path)) ?? null;
  }

  async remove(path: string): Promise<void> {
    this.#refusePoints(path);
    const place = this.#findWritable(path);
    await place.fs.remove(place.path);
  }

  #find(path: string): Place & { readOnly: boolean } {
    const at = normalizePath(path);
    const point = this.#points.find((p) => isInside(at, p.at));
    if (!point) return { fs: this.#base, path: at, readOnly: false };
    return {
      fs: point.fs,
      path: at.slice(point.at === '' ? 0 : point.at.length + 1),
      readOnly: point.readOnly,
    };
  }

  #findWritable(path: string): Place {
    const place = this.#find(path);
    if (place.readOnly) throw readOnly(normalizePath(path));
    return place;
  }

  #findFilePlace(path: string): Place {
    const at = normalizePath(path);
    if (this.#points.some((point) => isInside(point.at, at))) throw notAFile(at);
    return this.#findWritable(path);
  }

  /** Mount points that lie under a folder. */
  #below(dir: string): Point[] {
    return this.#points.filter((point) => point.at !== dir && isInside(point.at, dir));
  }

  #refusePoints(path: string): void {
    const at = normalizePath(path);
    if (this.#points.some((point) => isInside(point.at, at))) throw readOnly(at);
  }
}

const COPY_BYTES = 1 << 22;

/** Copy a file piece by piece, or a folder with all in it. */
async function copyTree(from: Place, to: Place): Promise<void> {
  const stat = await from.fs.stat(from.path);
  if (stat?.kind === 'directory') {
    await to.fs.makeDir(to.path);
    for (const { name } of await from.fs.list(from.path))
      await copyTree(
        { fs: from.fs, path: joinPath(from.path, name) },
        { fs: to.fs, path: joinPath(to.path, name) },
      );
    return;
  }
  const bytes = stat?.bytes ?? 0;
  const writer = await to.fs.createWriter(to.path);
  try {
    for (let at = 0; at < bytes; at += COPY_BYTES)
      await writer.write(await from.fs.readRange(from.path, at, Math.min(bytes, at + COPY_BYTES)));
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close();
}
