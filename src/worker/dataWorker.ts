// Entry of the data worker: files, imports and run records. Loads no GPU engine.

import { createOpfs } from '../storage/opfs.ts';
import { normalizePath } from '../storage/path.ts';
import { createWebLocks } from '../storage/webLocks.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { CheckImage } from '../contracts/image.ts';
import { createDataHost } from './dataHost.ts';

let opened: Promise<FileSystem> | null = null;

/** Opened once; a refusal is asked again with the next call. */
function openStorage(): Promise<FileSystem> {
  opened ??= createOpfs().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

/** The OPFS file itself: the page can download it without its bytes passing through memory. */
async function openFile(path: string): Promise<File> {
  const names = normalizePath(path).split('/');
  const last = names.pop() ?? '';
  let folder = await navigator.storage.getDirectory();
  for (const name of names) folder = await folder.getDirectoryHandle(name);
  return (await folder.getFileHandle(last)).getFile();
}

// Everything heavy is loaded when it is first needed.

const checkImage: CheckImage = async (bytes, name) =>
  (await import('../datasets/decoders/browserDecoder.ts')).checkInBrowser(bytes, name);

createDataHost(self as DedicatedWorkerGlobalScope, {
  fs: openStorage,
  locks: createWebLocks(),
  checkImage,
  openFile,
  inspectCheckpoint: async (fs, path) => (await import('./inspectCheckpoint.ts')).inspectCheckpoint(fs, path),
});
