// What the readers of the three formats share.

import { DatasetError, TrainerError } from '../errors/index.ts';
import type { FileIndex } from './fileIndex.ts';
import type { Findings } from './findings.ts';
import { decodeText } from './text.ts';
import type { IndexedFile } from './types.ts';

/** What a reader works with. */
export interface ReadContext {
  readonly index: FileIndex;
  readonly findings: Findings;
  readonly bboxFormat: 'xywh' | 'xyxy';
  /** Called after each annotation file; throws when the import was cancelled. */
  onFile(bytes: number): Promise<void>;
  /** Called with each piece of a long file; throws when the import was cancelled. */
  onBytes(bytes: number): Promise<void> | undefined;
  /** Call often in loops without waiting, and await what it gives; throws when the import was cancelled. */
  beat(): Promise<void> | undefined;
}

// V8's longest string has 512 Mi units.
const MAX_TEXT_BYTES = 500 * 2 ** 20;

/**
 * Read an annotation file as text. An encoding that had to be guessed is a warning.
 * @throws DatasetError `file-too-large`
 */
export async function readText(file: IndexedFile, context: ReadContext): Promise<string> {
  const { size } = file.source;
  if (size > MAX_TEXT_BYTES)
    throw new DatasetError(
      `${file.path} must be at most ${MAX_TEXT_BYTES >> 20} MB to be read, it has ${size >> 20} MB`,
      { code: 'file-too-large', path: file.path, hint: 'split the annotations into several files' },
    );
  const bytes = await file.source.read(0, size);
  await context.onFile(bytes.length);
  const { text, encoding, isGuessed } = decodeText(bytes);
  if (isGuessed)
    context.findings.warn(
      'encoding',
      file.path,
      `${file.path} is not valid UTF-8; it was read as ${encoding}`,
    );
  return text;
}

/** Like {@link readText}; a file that is damaged or can't be read is skipped by name. */
export async function readTextOrSkip(file: IndexedFile, context: ReadContext): Promise<string | undefined> {
  try {
    return await readText(file, context);
  } catch (error) {
    if (!isFileFault(error)) throw error;
    context.findings.skip(error.code, file.path, `${file.path} can't be read: ${error.message}`);
    return undefined;
  }
}

/** True when a failure concerns one file of the drop, so that the import can go on without it. */
export function isFileFault(error: unknown): error is TrainerError {
  return error instanceof TrainerError && /^zip-|^unreadable-file$|^file-too-large$/.test(error.code);
}

/** The message of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
