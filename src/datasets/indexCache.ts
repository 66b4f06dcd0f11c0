// Indexes of annotation files, read once in a worker for everyone there.

import type { DatasetIndex, IndexedFile } from '../contracts/datasetIndex.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/** Enough for the training, validation and test files of one config; a fourth pushes out the longest unused. */
const MAX_KEPT = 3;

interface Entry {
  readonly state: string;
  readonly index: Promise<DatasetIndex>;
}

/** By file system, then by key; the last used comes last. */
const kept = new WeakMap<FileSystem, Map<string, Entry>>();

/**
 * Take an index from the cache, or read it.
 * @param key of reader and path
 * @param state of the files; an index of another state is stale
 * @throws what `read` throws; nothing is kept then
 */
export async function cachedIndex(
  fs: FileSystem,
  key: string,
  state: string,
  read: () => Promise<DatasetIndex>,
): Promise<IndexedFile> {
  const entries = entriesOf(fs);
  const known = entries.get(key);
  const entry = known?.state === state ? known : { state, index: read() };
  keep(entries, key, entry);
  try {
    return { key, state, index: await entry.index };
  } catch (error) {
    if (entries.get(key) === entry) entries.delete(key);
    throw error;
  }
}

/** Take over indexes that another worker has read. */
export function seedIndexes(fs: FileSystem, files: readonly IndexedFile[]): void {
  for (const { key, state, index } of files)
    keep(entriesOf(fs), key, { state, index: Promise.resolve(index) });
}

/** Size and time of change of a file. */
export async function fileState(fs: FileSystem, path: string): Promise<string> {
  const stat = await fs.stat(path);
  return stat === null ? 'absent' : `${stat.bytes}:${stat.modifiedMs}`;
}

function entriesOf(fs: FileSystem): Map<string, Entry> {
  const known = kept.get(fs);
  if (known) return known;
  const entries = new Map<string, Entry>();
  kept.set(fs, entries);
  return entries;
}

function keep(entries: Map<string, Entry>, key: string, entry: Entry): void {
  entries.delete(key);
  entries.set(key, entry);
  for (const oldest of entries.keys()) {
    if (entries.size <= MAX_KEPT) break;
    entries.delete(oldest);
  }
}
