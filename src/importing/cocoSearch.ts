// Which of the json files of a drop are COCO annotations. Files are read piece by piece: COCO's own have 450 MB.

import { DatasetError } from '../errors/index.ts';
import { isRecord } from '../util/isRecord.ts';
import { AnnotationTable } from '../formats/cocoTable.ts';
import { ArrayReader, type JsonRoot } from '../formats/jsonArrays.ts';
import { exportHint, foreignJson } from './foreignFormats.ts';
import { extension, splitOfPath } from './paths.ts';
import type { ReadContext } from './readers.ts';
import { byteOrderMark } from './text.ts';
import type { IndexedFile, SplitName } from './types.ts';

export interface CocoFile {
  readonly file: IndexedFile;
  readonly split: SplitName | undefined;
  readonly images: readonly unknown[];
  readonly annotations: AnnotationTable;
  readonly categories: readonly unknown[];
}

/** The COCO files of a drop; when there are none, why each json file is not one. */
export interface CocoSearch {
  readonly files: readonly CocoFile[];
  readonly refusals: readonly DatasetError[];
}

/** Enough to see the keys of a list's first item. */
const HEAD_BYTES = 1 << 16;

/** Parse every json file and keep those that are COCO annotations. */
export async function findCocoFiles(context: ReadContext): Promise<CocoSearch> {
  const files: CocoFile[] = [];
  const refusals: DatasetError[] = [];
  for (const file of context.index.files.filter((f) => extension(f.path) === 'json')) {
    try {
      files.push(await readCocoFile(file, context));
    } catch (error) {
      if (!(error instanceof DatasetError) || error.code === 'import-cancelled') throw error;
      refusals.push(error);
    }
  }
  return { files, refusals };
}

interface Parts {
  readonly images: unknown[];
  readonly annotations: AnnotationTable;
  readonly categories: unknown[];
  root: JsonRoot;
}

async function readCocoFile(file: IndexedFile, context: ReadContext): Promise<CocoFile> {
  const encoding = byteOrderMark(await file.source.read(0, 4)) ?? 'utf-8';
  let parts = await readParts(file, encoding, context);
  if (!parts) {
    context.findings.warn('encoding', file.path, `${file.path} is not valid UTF-8; it was read as latin-1`);
    // Takes any byte.
    parts = await readParts(file, 'windows-1252', context);
  }
  await context.onFile(0);
  if (!parts)
    throw new DatasetError(`${file.path} can't be read`, { code: 'unreadable-file', path: file.path });
  await checkParts(parts, file);
  const { images, annotations, categories } = parts;
  return { file, split: splitOfPath(file.path), images, annotations, categories };
}

/** @returns undefined where the bytes are no text of that encoding */
async function readParts(
  file: IndexedFile,
  encoding: string,
  context: ReadContext,
): Promise<Parts | undefined> {
  const images: unknown[] = [];
  const annotations = new AnnotationTable();
  const categories: unknown[] = [];
  const reader = new ArrayReader(file.path, (key, items) => {
    for (const item of items) {
      if (key === 'images') images.push(briefImage(item));
      else if (key === 'annotations') annotations.push(item);
      else if (key === 'categories') categories.push(item);
    }
  });
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (piece?: Uint8Array): string | undefined => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch {
      return undefined;
    }
  };
  try {
    for await (const piece of file.source.stream()) {
      const text = decode(piece);
      if (text === undefined) return undefined;
      reader.push(text);
      await context.onBytes(piece.length);
      if (reader.isDone) break;
    }
    const rest = reader.isDone ? '' : decode();
    if (rest === undefined) return undefined;
    return { images, annotations, categories, root: reader.end(rest) };
  } catch (error) {
    // V8's longest string has 512 Mi units; lists are cut into pieces, all else is one.
    if (!(error instanceof RangeError)) throw error;
    throw new DatasetError(
      `${file.path} must have no value of 512 MB or more besides its lists of images and annotations`,
      { code: 'file-too-large', path: file.path, hint: 'is it a COCO file?', cause: error },
    );
  }
}

/** Flickr addresses, licences and dates are most of an entry. */
function briefImage(entry: unknown): unknown {
  if (!isRecord(entry)) return entry;
  const { id, file_name, width, height } = entry;
  return { id, file_name, width, height };
}

async function checkParts({ root, categories }: Parts, file: IndexedFile): Promise<void> {
  const refuse = (message: string, hint: string): DatasetError =>
    new DatasetError(`${file.path} ${message}`, { code: 'not-coco', path: file.path, hint });
  if (root.kind === 'array') {
    const first = await keysOfFirstItem(file);
    const foreign = 'image_id' in first ? undefined : foreignJson([first]);
    throw refuse(
      'image_id' in first
        ? 'looks like a COCO results list (predictions), not a dataset'
        : `is not a COCO file: its top level is a list, not an object with "images" and "annotations"`,
      foreign === undefined
        ? 'import the annotation file that belongs to the pictures, such as instances_train.json'
        : exportHint(foreign),
    );
  }
  if (root.kind === 'other')
    throw refuse('is not a COCO file: its top level is no object', 'is it the right file?');
  // Test sets are handed out without their annotations.
  const isUnlabelled = splitOfPath(file.path) === 'test' && !('annotations' in root.values);
  const wanted = isUnlabelled ? ['images'] : ['images', 'annotations'];
  const missing = wanted.filter((key) => !root.counts.has(key));
  if (missing.length > 0) {
    const keys = [...root.counts.keys(), ...Object.keys(root.values)];
    const foreign = foreignJson({ ...Object.fromEntries(keys.map((key) => [key, null])), ...root.values });
    throw refuse(
      `is not a COCO file: no ${missing.map((k) => `"${k}"`).join(' and no ')}${foreign === undefined ? '' : `; it looks like a ${foreign} file`}`,
      foreign === undefined
        ? 'a COCO file has "images", "annotations" and "categories"; Pascal VOC xml and YOLO txt are read as well'
        : exportHint(foreign),
    );
  }
  if (categories.length === 0 && !isUnlabelled)
    throw refuse(
      'has no "categories": the class names are missing',
      'add "categories": [{"id": 1, "name": "…"}, …] with the ids that the annotations use',
    );
}

/** The keys at the beginning of a list's first item, by its text: the file may be long. */
async function keysOfFirstItem(file: IndexedFile): Promise<Record<string, null>> {
  const head = new TextDecoder().decode(await file.source.read(0, HEAD_BYTES));
  const [item = ''] = head.split(/\}\s*,\s*\{/);
  return Object.fromEntries([...item.matchAll(/"(\w+)"\s*:/g)].map(([, key]) => [key, null]));
}
