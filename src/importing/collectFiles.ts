// Lists the files of a drop, and opens zips inside it when the pictures must be in there.

import { DatasetError } from '../errors/index.ts';
import { fileSource, ZipError } from '../serialization/zip/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { indexFiles, type FileIndex } from './fileIndex.ts';
import type { Findings } from './findings.ts';
import { baseName, isArchivePath, isJunk, isPicturePath, stem } from './paths.ts';
import { isFileFault, reasonOf } from './readers.ts';
import { zipSource } from './sources.ts';
import type { ImportSource, SourceFile } from './types.ts';

/** What listing needs from the import that runs it. */
export interface CollectContext {
  readonly fs: FileSystem;
  /** Folder for zips that have to be unpacked to be read; the caller removes it. */
  readonly scratch: string;
  readonly findings: Findings;
  /** Called after each file; throws when the import was cancelled. */
  onFile(bytes: number): Promise<void>;
}

/**
 * List a drop. A zip in it is opened (one level) when there are no pictures outside of zips.
 * @throws DatasetError `no-pictures`; ZipError
 */
export async function collectFiles(source: ImportSource, context: CollectContext): Promise<FileIndex> {
  const files = await listAll(source, context);
  const archives = files.filter((f) => isArchivePath(f.path) && !isJunk(f.path));
  if (archives.length > 0 && !files.some((f) => isPicturePath(f.path) && !isJunk(f.path))) {
    await openAll(archives, files, source, context);
  } else {
    for (const archive of archives)
      context.findings.note(
        'zip-inside',
        archive.path,
        `${archive.path} is not opened: there are pictures outside of it`,
      );
  }
  const index = indexFiles(
    files.filter((f) => !archives.includes(f)),
    context.findings,
  );
  const deeper = context.findings.list('skipped').find((f) => f.code === 'zip-in-zip');
  if (deeper && !index.files.some((f) => isPicturePath(f.path)))
    throw new DatasetError(`no pictures were found: ${deeper.message}`, {
      code: 'zip-in-zip',
      path: deeper.item,
    });
  if (index.files.length === 0)
    throw new DatasetError(`${source.name} must hold pictures and annotations, it has no usable file`, {
      code: 'no-pictures',
      path: source.name,
      hint: 'drop a zip or a folder with pictures and COCO json, Pascal VOC xml or YOLO txt files',
    });
  return index;
}

/** Add the files of all zips. One that can't be opened is skipped by name, unless it is the only one. */
async function openAll(
  archives: readonly SourceFile[],
  files: SourceFile[],
  source: ImportSource,
  context: CollectContext,
): Promise<void> {
  for (const archive of archives) {
    try {
      files.push(...(await openNested(archive, source, context)));
    } catch (error) {
      if (archives.length === 1 || !(error instanceof DatasetError) || error.code !== 'bad-nested-zip')
        throw error;
      context.findings.skip(error.code, archive.path, error.message);
    }
  }
}

async function listAll(source: ImportSource, context: CollectContext): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const file of source.files()) {
    files.push(file);
    await context.onFile(0);
  }
  return files;
}

async function openNested(
  archive: SourceFile,
  source: ImportSource,
  { fs, scratch, findings, onFile }: CollectContext,
): Promise<SourceFile[]> {
  // Random access inside a compressed entry would unpack it again and again: it is unpacked once.
  const path = `${scratch}/${(await fs.list(scratch)).length}.zip`;
  const name = baseName(archive.path.replaceAll('\\', '/'));
  const files: SourceFile[] = [];
  try {
    await unpack(archive, path, fs, onFile);
    for await (const file of zipSource(fileSource(fs, path, archive.size), name).files()) {
      if (isArchivePath(file.path))
        findings.skip('zip-in-zip', file.path, `${name} contains ${file.path}: unpack it first`);
      else files.push(insideOf(stem(name), file));
    }
  } catch (error) {
    if (!(error instanceof ZipError) && !isFileFault(error)) throw error;
    throw new DatasetError(`${source.name} contains ${name}, which can't be opened: ${reasonOf(error)}`, {
      code: 'bad-nested-zip',
      path: archive.path,
      hint: 'unpack it first and import the folder',
      cause: error,
    });
  }
  findings.warn('zip-inside', archive.path, `${source.name} contains ${name}; it was opened as well`);
  return files;
}

async function unpack(
  archive: SourceFile,
  path: string,
  fs: FileSystem,
  onFile: CollectContext['onFile'],
): Promise<void> {
  const writer = await fs.createWriter(path);
  try {
    for await (const piece of archive.stream()) {
      await writer.write(piece);
      await onFile(piece.length);
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close();
}

/** A file under the folder of its zip; a path that is unsafe stays so. */
function insideOf(folder: string, file: SourceFile): SourceFile {
  const isPlain = !/^(?:[\\/]|[A-Za-z]:)/.test(file.path);
  return { ...file, path: isPlain ? `${folder}/${file.path}` : file.path };
}
