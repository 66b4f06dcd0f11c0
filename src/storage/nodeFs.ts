// The file system of the command line and of tests: one folder on disk. Node only; never imported by the page.

import { constants } from 'node:fs';
import * as fsp from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { DirEntry, FileBatch, FileStat, FileSystem, FileWriter } from '../contracts/fileSystem.ts';
import { toBytes, toText } from './bytes.ts';
import { NodeBatch } from './nodeBatch.ts';
import { codeOf, makeFolders, syncFolder, translate } from './nodeCalls.ts';
import { isOwnerGone, ownerOf } from './nodeProcess.ts';
import { byName, normalizePath, splitPath } from './path.ts';
import * as errors from './storageErrors.ts';
import { isLockName, isTempName, ownerOfTemp, tempName } from './tempName.ts';

/** @param rootDir absolute or relative to the working directory; made on the first write. */
export function createNodeFs(rootDir: string): FileSystem {
  return new NodeFs(resolve(rootDir));
}

// A leftover may go when its process is gone.
const OWNER = ownerOf(process.pid);

class NodeFs implements FileSystem {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.#do(path, async (full) => {
      const buffer = await fsp.readFile(full);
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    });
  }

  async readText(path: string): Promise<string> {
    return toText(await this.readFile(path));
  }

  async readRange(path: string, start: number, end: number): Promise<Uint8Array> {
    return this.#do(path, async (full) => {
      const handle = await fsp.open(full, constants.O_RDONLY);
      try {
        const { size } = await handle.stat();
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        let at = 0;
        while (at < bytes.length) {
          const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
          if (bytesRead === 0) break;
          at += bytesRead;
        }
        return bytes.subarray(0, at);
      } finally {
        await handle.close();
      }
    });
  }

  async stat(path: string): Promise<FileStat | null> {
    return this.#do(path, async (full) => {
      try {
        const stats = await fsp.stat(full);
        const isDirectory = stats.isDirectory();
        return {
          kind: isDirectory ? 'directory' : 'file',
          bytes: isDirectory ? 0 : stats.size,
          modifiedMs: stats.mtimeMs,
        };
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
        throw error;
      }
    });
  }

  async list(path: string): Promise<DirEntry[]> {
    return this.#do(path, async (full) => {
      let found;
      try {
        found = await fsp.readdir(full, { withFileTypes: true });
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw codeOf(error) === 'ENOTDIR' ? errors.notADirectory(path, error) : error;
      }
      const entries: DirEntry[] = [];
      for (const item of found) {
        if (isLockName(item.name)) continue;
        if (isTempName(item.name)) {
          if (isOwnerGone(ownerOfTemp(item.name))) await fsp.rm(join(full, item.name), { force: true });
          continue;
        }
        const kind = await kindOf(full, item);
        if (kind) entries.push({ name: item.name, kind });
      }
      return entries.sort(byName);
    });
  }

  async makeDir(path: string): Promise<void> {
    await this.#do(path, makeFolders);
  }

  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    const writer = await this.createWriter(path);
    try {
      await writer.write(toBytes(data));
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await writer.close();
  }

  async appendFile(path: string, data: Uint8Array | string): Promise<void> {
    await this.#do(path, async (full) => {
      await makeFolders(dirname(full));
      await fsp.appendFile(full, toBytes(data));
    });
  }

  async createWriter(path: string): Promise<FileWriter> {
    return this.#do(path, async (full) => {
      if ((await this.stat(path))?.kind === 'directory') throw errors.notAFile(path);
      await makeFolders(dirname(full));
      const temp = join(dirname(full), tempName(OWNER));
      return new NodeWriter(await fsp.open(temp, 'wx'), temp, full, path);
    });
  }

  startBatch(folder: string): FileBatch {
    return new NodeBatch(this.#full(folder), folder);
  }

  async rename(from: string, to: string): Promise<void> {
    const target = this.#full(to);
    await this.#do(from, async (full) => {
      const stats = await fsp.stat(full);
      if (full === target) return;
      await makeFolders(dirname(target));
      const old = await fsp.stat(target).catch(() => null);
      // rename(2) replaces a file by a file at once; anything else in the way has to go first.
      if (old && (stats.isDirectory() || old.isDirectory())) await fsp.rm(target, { recursive: true });
      await fsp.rename(full, target);
    });
  }

  async link(targetName: string, path: string): Promise<boolean> {
    return this.#do(path, async (full) => {
      await makeFolders(dirname(full));
      // Made beside it and renamed, so that there is a link at every moment.
      const temp = join(dirname(full), tempName(OWNER));
      try {
        await fsp.symlink(targetName, temp);
      } catch (error) {
        // Windows without the privilege, FAT and some network drives.
        if (['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EINVAL'].includes(codeOf(error) ?? '')) return false;
        throw error;
      }
      try {
        await fsp.rename(temp, full);
      } catch (error) {
        await fsp.rm(temp, { force: true });
        throw error;
      }
      return true;
    });
  }

  async readLink(path: string): Promise<string | null> {
    return this.#do(path, async (full) => {
      const stats = await fsp.lstat(full).catch(() => null);
      return stats?.isSymbolicLink() ? fsp.readlink(full) : null;
    });
  }

  async remove(path: string): Promise<void> {
    await this.#do(path, async (full) => {
      if (full !== this.#root) return fsp.rm(full, { recursive: true, force: true });
      for (const { name } of await this.list(''))
        await fsp.rm(join(full, name), { recursive: true, force: true });
    });
  }

  #full(path: string): string {
    return join(this.#root, normalizePath(path));
  }

  async #do<T>(path: string, action: (full: string) => Promise<T>): Promise<T> {
    const full = this.#full(path);
    try {
      return await action(full);
    } catch (error) {
      const shown = normalizePath(path);
      // Below the machine's root a path is only recognised with its slash.
      throw translate(this.#root === '/' ? `/${shown}` : shown, error);
    }
  }
}

class NodeWriter implements FileWriter {
  readonly #temp: string;
  readonly #full: string;
  readonly #path: string;
  #handle: fsp.FileHandle | null;

  constructor(handle: fsp.FileHandle, temp: string, full: string, path: string) {
    this.#handle = handle;
    this.#temp = temp;
    this.#full = full;
    this.#path = path;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#handle) throw errors.closedWriter(this.#path);
    try {
      for (let at = 0; at < chunk.length;) {
        const { bytesWritten } = await this.#handle.write(chunk, at, chunk.length - at);
        at += bytesWritten;
      }
    } catch (error) {
      throw translate(this.#path, error);
    }
  }

  async close(): Promise<void> {
    if (!this.#handle) throw errors.closedWriter(this.#path);
    const handle = this.#handle;
    this.#handle = null;
    try {
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fsp.rename(this.#temp, this.#full);
      await syncFolder(splitPath(this.#full).dir);
    } catch (error) {
      await fsp.rm(this.#temp, { force: true });
      throw translate(this.#path, error);
    }
  }

  async abort(): Promise<void> {
    const handle = this.#handle;
    if (!handle) return;
    this.#handle = null;
    await handle.close();
    await fsp.rm(this.#temp, { force: true });
  }
}

async function kindOf(
  dir: string,
  item: { name: string; isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean },
): Promise<DirEntry['kind'] | null> {
  if (item.isDirectory()) return 'directory';
  if (item.isFile()) return 'file';
  if (!item.isSymbolicLink()) return null;
  const stats = await fsp.stat(join(dir, item.name)).catch(() => null);
  return stats?.isDirectory() ? 'directory' : stats?.isFile() ? 'file' : null;
}
