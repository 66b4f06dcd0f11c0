// The origin private file system of a tab. Workers write through sync access handles (fast, in place), the main
// thread through writable streams. A file is written under a temporary name and moved into place.
// Source: WHATWG File System standard; `move` on file handles is Chromium's and Safari's, not in the standard yet.

import { StorageError } from '../errors/index.ts';
import type { DirEntry, FileBatch, FileStat, FileSystem, FileWriter } from '../contracts/fileSystem.ts';
import { toBytes, toText } from './bytes.ts';
import {
  copyHandle,
  errorName,
  move,
  openStreamPen,
  openSync,
  type Pen,
  retryWhileLocked,
  writeAll,
} from './opfsHandles.ts';
import { byName, isInside, joinPath, normalizePath, splitPath } from './path.ts';
import * as errors from './storageErrors.ts';
import { isTempName, tempName } from './tempName.ts';

// Chromium keeps what a writable stream holds in a file of this suffix until the stream is closed.
const SWAP_SUFFIX = '.crswap';

/**
 * Open the tab's private file system.
 * @param subdir folder of it that becomes the root; default the whole of it.
 * @throws StorageError `permission-denied` when the browser refuses (private mode, blocked site data).
 */
export async function createOpfs(subdir = ''): Promise<FileSystem> {
  try {
    let root = await navigator.storage.getDirectory();
    for (const name of normalizePath(subdir).split('/').filter(Boolean))
      root = await root.getDirectoryHandle(name, { create: true });
    return new Opfs(root);
  } catch (error) {
    throw errors.permissionDenied(subdir, error);
  }
}

class Opfs implements FileSystem {
  // Chromium and Safari move files, no folders.
  readonly copiesFolders = true;
  readonly #root: FileSystemDirectoryHandle;
  /** Tail of the appends to each path: a sync access handle is exclusive, so they queue up. */
  readonly #queues = new Map<string, Promise<void>>();

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.#do(path, async (at) => new Uint8Array(await (await this.#open(at)).arrayBuffer()));
  }

  async readText(path: string): Promise<string> {
    return toText(await this.readFile(path));
  }

  async readRange(path: string, start: number, end: number): Promise<Uint8Array> {
    return this.#do(path, async (at) => {
      const blob = (await this.#open(at)).slice(start, Math.max(start, end));
      return new Uint8Array(await blob.arrayBuffer());
    });
  }

  async stat(path: string): Promise<FileStat | null> {
    return this.#do(path, async (at) => {
      const handle = await this.#lookUp(at);
      if (!handle) return null;
      if (handle.kind === 'directory') return { kind: 'directory', bytes: 0, modifiedMs: 0 };
      const file = await handle.getFile();
      return { kind: 'file', bytes: file.size, modifiedMs: file.lastModified };
    });
  }

  async list(path: string): Promise<DirEntry[]> {
    return this.#do(path, async (at) => {
      const dir = await this.#lookUp(at);
      if (!dir) return [];
      if (dir.kind !== 'directory') throw errors.notADirectory(at);
      const entries: DirEntry[] = [];
      const leftovers: string[] = [];
      for await (const handle of dir.values()) {
        if (isTempName(handle.name)) leftovers.push(handle.name);
        else if (!handle.name.endsWith(SWAP_SUFFIX)) entries.push({ name: handle.name, kind: handle.kind });
      }
      for (const name of leftovers) await removeAbandoned(dir, name);
      return entries.sort(byName);
    });
  }

  async makeDir(path: string): Promise<void> {
    await this.#do(path, async (at) => {
      await this.#dir(at, true);
    });
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
    const bytes = toBytes(data).slice();
    await this.#do(path, (at) => {
      const turn = (this.#queues.get(at) ?? Promise.resolve()).then(() => this.#append(at, bytes));
      const settled = turn.catch(() => undefined);
      this.#queues.set(at, settled);
      void settled.then(() => {
        if (this.#queues.get(at) === settled) this.#queues.delete(at);
      });
      return turn;
    });
  }

  async createWriter(path: string): Promise<FileWriter> {
    return this.#do(path, async (at) => {
      const { dir, name } = splitPath(at);
      if ((await this.#lookUp(at))?.kind === 'directory') throw errors.notAFile(at);
      const folder = await this.#dir(dir, true);
      const temp = tempName('opfs');
      const release = await holdLock(temp);
      try {
        const handle = await folder.getFileHandle(temp, { create: true });
        const pen = await openPen(handle, at);
        return new OpfsWriter(at, folder, handle, name, pen, release);
      } catch (error) {
        await folder.removeEntry(temp).catch(() => undefined);
        release();
        throw error;
      }
    });
  }

  startBatch(folder: string): FileBatch {
    const folders = new Map<string, Promise<FileSystemDirectoryHandle>>();
    return {
      write: (path, data) =>
        this.#do(joinPath(folder, normalizePath(path)), async (at) => {
          const { dir, name } = splitPath(at);
          const parent = folders.get(dir) ?? this.#dir(dir, true);
          folders.set(dir, parent);
          const pen = await openPen(await (await parent).getFileHandle(name, { create: true }), at);
          try {
            await pen.write(data);
          } catch (error) {
            await pen.abort().catch(() => undefined);
            throw error;
          }
          // Flushes: there is no cheaper moment for it later.
          await pen.close();
        }),
      finish: async () => undefined,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const target = normalizePath(to);
    await this.#do(from, async (source) => {
      const handle = await this.#lookUp(source);
      if (!handle) throw errors.notFound(source);
      if (source === target) return;
      if (isInside(target, source)) throw errors.notADirectory(target);
      const { dir, name } = splitPath(target);
      const folder = await this.#dir(dir, true);
      const old = await this.#lookUp(target);
      if (old && (old.kind === 'directory' || handle.kind === 'directory')) await this.remove(target);
      if (handle.kind === 'file') {
        await move(handle, await this.#dir(splitPath(source).dir, false), folder, name);
        return;
      }
      try {
        await copyHandle(handle, folder, name);
      } catch (error) {
        await folder.removeEntry(name, { recursive: true }).catch(() => undefined);
        throw error;
      }
      await this.remove(source);
    });
  }

  async remove(path: string): Promise<void> {
    await this.#do(path, async (at) => {
      if (at === '') {
        for (const { name } of await this.list('')) await this.remove(name);
        return;
      }
      const { dir, name } = splitPath(at);
      const parent = await this.#lookUp(dir);
      if (parent?.kind !== 'directory') return;
      try {
        await retryWhileLocked(() => parent.removeEntry(name, { recursive: true }));
      } catch (error) {
        if (errorName(error) !== 'NotFoundError') throw error;
      }
    });
  }

  async #append(at: string, bytes: Uint8Array): Promise<void> {
    const { dir, name } = splitPath(at);
    const handle = await (await this.#dir(dir, true)).getFileHandle(name, { create: true });
    if (canWriteSync(handle)) {
      const access = await openSync(handle);
      const size = access.getSize();
      try {
        writeAll(access, bytes, size, at);
        access.flush();
      } catch (error) {
        // What fits of a record that doesn't is no record.
        access.truncate(size);
        throw error;
      } finally {
        access.close();
      }
      return;
    }
    const pen = await openStreamPen(handle, true);
    try {
      await pen.write(bytes);
    } catch (error) {
      await pen.abort().catch(() => undefined);
      throw error;
    }
    await pen.close();
  }

  /** The file at a path. @throws NotFoundError, TypeMismatchError */
  async #open(at: string): Promise<File> {
    const handle = await this.#lookUp(at);
    if (!handle) throw errors.notFound(at);
    if (handle.kind === 'directory') throw errors.notAFile(at);
    return handle.getFile();
  }

  async #lookUp(at: string): Promise<FileSystemFileHandle | FileSystemDirectoryHandle | null> {
    if (at === '') return this.#root;
    const { dir, name } = splitPath(at);
    try {
      const folder = await this.#dir(dir, false);
      try {
        return await folder.getFileHandle(name);
      } catch (error) {
        if (errorName(error) !== 'TypeMismatchError') throw error;
        return await folder.getDirectoryHandle(name);
      }
    } catch (error) {
      // A file where a folder should be means that there is nothing below it.
      if (errorName(error) === 'NotFoundError' || errorName(error) === 'TypeMismatchError') return null;
      throw error;
    }
  }

  async #dir(at: string, create: boolean): Promise<FileSystemDirectoryHandle> {
    let dir = this.#root;
    for (const name of at.split('/').filter(Boolean)) dir = await dir.getDirectoryHandle(name, { create });
    return dir;
  }

  async #do<T>(path: string, action: (at: string) => Promise<T>): Promise<T> {
    const at = normalizePath(path);
    try {
      return await action(at);
    } catch (error) {
      throw translate(at, error);
    }
  }
}

async function openPen(handle: FileSystemFileHandle, path: string): Promise<Pen> {
  if (!canWriteSync(handle)) return openStreamPen(handle, false);
  const access = await openSync(handle);
  access.truncate(0);
  let at = 0;
  return {
    write: async (chunk) => {
      writeAll(access, chunk, at, path);
      at += chunk.length;
    },
    close: async () => {
      try {
        access.flush();
      } finally {
        access.close();
      }
    },
    abort: async () => access.close(),
  };
}

class OpfsWriter implements FileWriter {
  readonly #path: string;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #temp: FileSystemFileHandle;
  readonly #name: string;
  readonly #release: () => void;
  #pen: Pen | null;

  constructor(
    path: string,
    folder: FileSystemDirectoryHandle,
    temp: FileSystemFileHandle,
    name: string,
    pen: Pen,
    release: () => void,
  ) {
    this.#path = path;
    this.#folder = folder;
    this.#temp = temp;
    this.#name = name;
    this.#pen = pen;
    this.#release = release;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#pen) throw errors.closedWriter(this.#path);
    try {
      await this.#pen.write(chunk);
    } catch (error) {
      throw translate(this.#path, error);
    }
  }

  async close(): Promise<void> {
    const pen = this.#takePen();
    if (!pen) throw errors.closedWriter(this.#path);
    const tempName = this.#temp.name;
    try {
      await pen.close();
      await move(this.#temp, this.#folder, this.#folder, this.#name);
    } catch (error) {
      await this.#folder.removeEntry(tempName).catch(() => undefined);
      throw translate(this.#path, error);
    } finally {
      this.#release();
    }
  }

  async abort(): Promise<void> {
    const pen = this.#takePen();
    if (!pen) return;
    const tempName = this.#temp.name;
    await pen.abort().catch(() => undefined);
    await this.#folder.removeEntry(tempName).catch(() => undefined);
    this.#release();
  }

  #takePen(): Pen | null {
    const pen = this.#pen;
    this.#pen = null;
    return pen;
  }
}

/** Sync access handles exist in workers only. */
function canWriteSync(handle: FileSystemFileHandle): boolean {
  return typeof document === 'undefined' && 'createSyncAccessHandle' in handle;
}

/** Hold a Web Lock while a temporary file is in use: it falls with the tab, so nobody mistakes it for a leftover. */
async function holdLock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(name, () => new Promise<void>((release) => resolve(release)));
    request.catch(reject);
  });
}

async function removeAbandoned(dir: FileSystemDirectoryHandle, name: string): Promise<void> {
  const owner = name.endsWith(SWAP_SUFFIX) ? name.slice(0, -SWAP_SUFFIX.length) : name;
  await navigator.locks.request(owner, { ifAvailable: true }, async (lock) => {
    if (lock) await dir.removeEntry(name).catch(() => undefined);
  });
}

function translate(path: string, error: unknown): Error {
  if (error instanceof StorageError) return error;
  switch (errorName(error)) {
    case 'NotFoundError':
      return errors.notFound(path, error);
    case 'TypeMismatchError':
      return errors.notADirectory(path, error);
    case 'QuotaExceededError':
      return errors.storageFull(path, error);
    case 'NoModificationAllowedError':
      return errors.busy(path, error);
    case 'NotAllowedError':
    case 'SecurityError':
      return errors.permissionDenied(path, error);
    default:
      return errors.ioError(path, error);
  }
}
