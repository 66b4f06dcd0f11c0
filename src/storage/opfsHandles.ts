// Small operations on OPFS handles that browsers do differently or refuse for a moment.

import { storageFull } from './storageErrors.ts';

const LOCK_TRIES = 20;
const LOCK_WAIT_MS = 25;

/** The name of a DOMException or Error; '' for anything else. */
export function errorName(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : '';
}

/** Try again for half a second while another worker or tab holds the file. @throws NoModificationAllowedError */
export async function retryWhileLocked<T>(action: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (errorName(error) !== 'NoModificationAllowedError' || tries === LOCK_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOCK_WAIT_MS));
    }
  }
}

/** Open a file for synchronous writing (workers only). */
export function openSync(handle: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  return retryWhileLocked(() => handle.createSyncAccessHandle());
}

/**
 * Write all bytes through a sync access handle. At the quota Chromium throws nothing: it writes what fits, then returns
 * 0 or its error number read as uint32 (4294967288 for -8, FILE_ERROR_NO_SPACE), which looks like progress.
 * @param at where in the file
 * @throws StorageError `storage-full`; a part of the bytes may have been written
 * Source: Chromium `file_system_sync_access_handle.cc`, `base/files/file.h`.
 */
export function writeAll(
  access: Pick<FileSystemSyncAccessHandle, 'write'>,
  bytes: Uint8Array,
  at: number,
  path: string,
): void {
  for (let done = 0; done < bytes.length;) {
    const count = access.write(exactBuffer(bytes.subarray(done)), { at: at + done });
    if (!(count > 0 && count <= bytes.length - done)) throw storageFull(path);
    done += count;
  }
}

/** What a file is written with: a sync access handle or a writable stream. */
export interface Pen {
  /** Write behind what is there. */
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/**
 * Open a file for writing through a writable stream (the main thread has nothing else).
 * @param keeps whether what the file holds stays; what is written comes behind it
 */
export async function openStreamPen(handle: FileSystemFileHandle, keeps: boolean): Promise<Pen> {
  const stream = await retryWhileLocked(() => handle.createWritable({ keepExistingData: keeps }));
  let size = keeps ? (await handle.getFile()).size : 0;
  return {
    write: async (chunk) => {
      const position = size;
      size += chunk.length;
      // Room is taken first: at the quota this throws QuotaExceededError, where Chromium's write throws that or, when the
      // end of the pipe with the bytes is heard before its reason, an AbortError.
      await stream.truncate(size);
      await stream.write({ type: 'write', position, data: exactBuffer(chunk) });
    },
    close: () => stream.close(),
    abort: () => stream.abort(),
  };
}

/** The browser takes no view of shared memory: copy only in that case. */
export function exactBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

/** Chromium's and Safari's `FileSystemFileHandle.move`. */
interface Movable {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/**
 * Move a file, replacing what is there. At once where the browser can move; otherwise by copy and delete.
 * @param from the folder that `handle` lies in.
 */
export async function move(
  handle: FileSystemFileHandle,
  from: FileSystemDirectoryHandle,
  to: FileSystemDirectoryHandle,
  name: string,
): Promise<void> {
  const oldName = handle.name;
  if (canMove(handle)) {
    await retryWhileLocked(() => handle.move(to, name));
    return;
  }
  await copyHandle(handle, to, name);
  await from.removeEntry(oldName);
}

/** Copy a file or a folder with all in it. */
export async function copyHandle(
  handle: FileSystemFileHandle | FileSystemDirectoryHandle,
  to: FileSystemDirectoryHandle,
  name: string,
): Promise<void> {
  if (handle.kind === 'directory') {
    const folder = await to.getDirectoryHandle(name, { create: true });
    for await (const child of handle.values()) await copyHandle(child, folder, child.name);
    return;
  }
  const target = await to.getFileHandle(name, { create: true });
  const file = await handle.getFile();
  await file.stream().pipeTo(await retryWhileLocked(() => target.createWritable()));
}

function canMove(handle: FileSystemFileHandle): handle is FileSystemFileHandle & Movable {
  return 'move' in handle;
}
