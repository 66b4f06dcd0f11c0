// Small operations on OPFS handles that browsers do differently or refuse for a moment.

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
