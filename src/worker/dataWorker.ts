// Entry of the data worker: files, imports, run records, and the samples of a training run. Loads no GPU engine.

import { createLocalSampleSource } from '../apis/datasets.ts';
import '../datasets/index.ts';
import { decodeInBrowser } from '../datasets/decoders/browserDecoder.ts';
import { createOpfs } from '../storage/opfs.ts';
import { normalizePath } from '../storage/path.ts';
import type { FileSystem } from '../util/fileSystem.ts';
import { createDataHost } from './dataHost.ts';
import { inspectCheckpoint } from './inspectCheckpoint.ts';

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

createDataHost(self as DedicatedWorkerGlobalScope, {
  fs: openStorage,
  decodeImage: decodeInBrowser,
  openFile,
  inspectCheckpoint,
  createSampleSource: (spec, fs) => createLocalSampleSource(spec, { fs, decodeImage: decodeInBrowser }),
});
