// From what a person chose or dropped to what the import takes.

import type { ImportSource } from '../worker/protocol.ts';

export interface PathFile {
  readonly path: string;
  readonly file: File;
}

/** A single zip is read as an archive; everything else as files. @returns null for nothing. */
export function sourceFromFiles(files: readonly PathFile[]): { source: ImportSource; name: string } | null {
  const [first] = files;
  if (!first) return null;
  if (files.length === 1 && /\.zip$/i.test(first.file.name)) {
    return { source: { kind: 'zip', file: first.file }, name: first.file.name };
  }
  const [top = ''] = first.path.split('/');
  const isOneFolder = first.path.includes('/') && files.every((f) => f.path.startsWith(`${top}/`));
  return { source: { kind: 'files', files }, name: isOneFolder || files.length === 1 ? top : 'dataset' };
}

const CHECKPOINT = /\.(pth|pt|ckpt|safetensors)$/i;

/** Whether files are weights to start from and not a data set: checkpoints, or a graph model with its `.bin`. */
export async function areWeights(files: readonly PathFile[]): Promise<boolean> {
  if (files.length === 0) return false;
  for (const { file } of files) {
    if (CHECKPOINT.test(file.name)) continue;
    const isGraph =
      /\.json$/i.test(file.name) && /"format"\s*:\s*"graph-model"/.test(await file.slice(0, 4096).text());
    if (!isGraph && !(/\.bin$/i.test(file.name) && files.length <= 2)) return false;
  }
  return true;
}

/** One line about what will be imported. */
export function sourceSummary(
  source: ImportSource,
  {
    formatBytes,
    plural,
  }: { formatBytes: (bytes: number) => string; plural: (count: number, what: string) => string },
): string {
  if (source.kind === 'zip') return `${source.file.name}, ${formatBytes(source.file.size)}`;
  const bytes = source.files.reduce((sum, { file }) => sum + file.size, 0);
  return `${plural(source.files.length, 'file')}, ${formatBytes(bytes)}`;
}

/** Every file of a drop, folders opened, with its path inside the drop. */
export async function readDrop(transfer: DataTransfer): Promise<PathFile[]> {
  // The list is emptied when the event handler returns: take the entries before the first await.
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: PathFile[] = [];
  for (const { entry, file } of entries) {
    if (entry) await collect(entry, '', found);
    else if (file) found.push({ path: file.name, file });
  }
  return found;
}

async function collect(entry: FileSystemEntry, folder: string, found: PathFile[]): Promise<void> {
  const path = folder + entry.name;
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    found.push({ path, file });
    return;
  }
  if (!isDirectory(entry)) return;
  const reader = entry.createReader();
  for (;;) {
    // A call gives at most a hundred entries; an empty answer is the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (batch.length === 0) return;
    for (const child of batch) await collect(child, `${path}/`, found);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
