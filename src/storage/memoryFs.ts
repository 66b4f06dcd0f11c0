// A file system in memory: for tests and for data that is generated.

import type { DirEntry, FileStat, FileSystem, FileWriter } from '../contracts/fileSystem.ts';
import { toBytes, toText } from './bytes.ts';
import { byName, isInside, joinPath, normalizePath, splitPath } from './path.ts';
import { closedWriter, notADirectory, notAFile, notFound } from './storageErrors.ts';

interface MemoryFile {
  bytes: Uint8Array;
  modifiedMs: number;
}

/** @param files initial contents by path; bytes are borrowed. */
export function createMemoryFs(files: Readonly<Record<string, Uint8Array | string>> = {}): FileSystem {
  const fs = new MemoryFs();
  for (const [path, data] of Object.entries(files)) fs.put(normalizePath(path), toBytes(data));
  return fs;
}

class MemoryFs implements FileSystem {
  readonly #files = new Map<string, MemoryFile>();
  readonly #dirs = new Set<string>(['']);
  /** Link -> the path it stands for. */
  readonly #links = new Map<string, string>();

  async readFile(path: string): Promise<Uint8Array> {
    return this.#file(path).bytes.slice();
  }

  async readText(path: string): Promise<string> {
    return toText(this.#file(path).bytes);
  }

  async readRange(path: string, start: number, end: number): Promise<Uint8Array> {
    return this.#file(path).bytes.slice(start, Math.max(start, end));
  }

  async stat(path: string): Promise<FileStat | null> {
    const at = this.#follow(normalizePath(path));
    const file = this.#files.get(at);
    if (file) return { kind: 'file', bytes: file.bytes.length, modifiedMs: file.modifiedMs };
    return this.#dirs.has(at) ? { kind: 'directory', bytes: 0, modifiedMs: 0 } : null;
  }

  async list(path: string): Promise<DirEntry[]> {
    const dir = normalizePath(path);
    if (this.#files.has(dir)) throw notADirectory(dir);
    const entries: DirEntry[] = [];
    const links = [...this.#links].filter(([, target]) => this.#files.has(target)).map(([link]) => link);
    for (const file of [...this.#files.keys(), ...links])
      if (splitPath(file).dir === dir) entries.push({ name: splitPath(file).name, kind: 'file' });
    for (const sub of this.#dirs)
      if (sub !== '' && splitPath(sub).dir === dir)
        entries.push({ name: splitPath(sub).name, kind: 'directory' });
    return entries.sort(byName);
  }

  async makeDir(path: string): Promise<void> {
    this.#ensureDir(normalizePath(path));
  }

  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    this.put(normalizePath(path), toBytes(data).slice());
  }

  async appendFile(path: string, data: Uint8Array | string): Promise<void> {
    const at = normalizePath(path);
    const old = this.#files.get(at)?.bytes ?? new Uint8Array();
    this.put(at, concat([old, toBytes(data)]));
  }

  async createWriter(path: string): Promise<FileWriter> {
    const at = normalizePath(path);
    this.#checkFilePlace(at);
    let chunks: Uint8Array[] | null = [];
    return {
      write: async (chunk) => {
        if (!chunks) throw closedWriter(at);
        chunks.push(chunk.slice());
      },
      close: async () => {
        if (!chunks) throw closedWriter(at);
        this.put(at, concat(chunks));
        chunks = null;
      },
      abort: async () => {
        chunks = null;
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const source = normalizePath(from);
    const target = normalizePath(to);
    if (!this.#files.has(source) && !this.#dirs.has(source)) throw notFound(source);
    if (source === target) return;
    if (isInside(target, source)) throw notADirectory(target);
    const moved = [...this.#files].filter(([path]) => isInside(path, source));
    const movedDirs = [...this.#dirs].filter((path) => isInside(path, source));
    this.#ensureDir(splitPath(target).dir);
    this.#drop(target);
    this.#drop(source);
    for (const dir of movedDirs) this.#ensureDir(target + dir.slice(source.length));
    for (const [path, file] of moved) this.#files.set(target + path.slice(source.length), file);
  }

  async link(targetName: string, path: string): Promise<boolean> {
    const at = normalizePath(path);
    this.#checkFilePlace(at);
    this.#ensureDir(splitPath(at).dir);
    this.#files.delete(at);
    this.#links.set(at, joinPath(splitPath(at).dir, targetName));
    return true;
  }

  async readLink(path: string): Promise<string | null> {
    const target = this.#links.get(normalizePath(path));
    return target === undefined ? null : splitPath(target).name;
  }

  async remove(path: string): Promise<void> {
    this.#drop(normalizePath(path));
  }

  /** Takes `bytes`; `path` is normalised. */
  put(path: string, bytes: Uint8Array): void {
    this.#checkFilePlace(path);
    this.#ensureDir(splitPath(path).dir);
    this.#links.delete(path);
    this.#files.set(path, { bytes, modifiedMs: Date.now() });
  }

  #follow(path: string): string {
    return this.#links.get(path) ?? path;
  }

  #file(path: string): MemoryFile {
    const at = this.#follow(normalizePath(path));
    const file = this.#files.get(at);
    if (file) return file;
    throw this.#dirs.has(at) ? notAFile(at) : notFound(at);
  }

  #checkFilePlace(path: string): void {
    if (this.#dirs.has(path)) throw notAFile(path);
    for (let { dir } = splitPath(path); dir !== ''; { dir } = splitPath(dir))
      if (this.#files.has(dir)) throw notADirectory(path);
  }

  #ensureDir(path: string): void {
    for (let dir = path; dir !== ''; { dir } = splitPath(dir)) {
      if (this.#files.has(dir)) throw notADirectory(path);
    }
    for (let dir = path; dir !== ''; { dir } = splitPath(dir)) this.#dirs.add(dir);
  }

  #drop(path: string): void {
    for (const file of this.#files.keys()) if (isInside(file, path)) this.#files.delete(file);
    for (const dir of this.#dirs) if (dir !== '' && isInside(dir, path)) this.#dirs.delete(dir);
    for (const link of this.#links.keys()) if (isInside(link, path)) this.#links.delete(link);
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
