// Looks at each picture of a dataset once: what it is, how large, whether it is whole.

import { TrainerError } from '../errors/index.ts';
import type { CheckImage } from '../contracts/image.ts';
import { sniffImage, type SniffedImage } from '../datasets/decoders/sniff.ts';
import type { Findings } from './findings.ts';
import { isFileFault } from './readers.ts';
import type { IndexedFile } from './types.ts';

/** Facts of a usable picture. */
export interface PictureFacts {
  /** Pixels as displayed: after the EXIF rotation. */
  readonly width: number;
  readonly height: number;
  /** EXIF, 1..8. */
  readonly orientation: number;
  /** SHA-256 of the file, hexadecimal: equal pictures have equal ones. */
  readonly digest: string;
}

export interface CheckedPicture {
  readonly facts: PictureFacts;
  readonly bytes: Uint8Array;
}

const MAX_PICTURE_BYTES = 256 * 2 ** 20;
// A picture longer than this times its short side is nothing a detector can see: scaled to any usual size its
// short side is a few pixels or none.
const MAX_ASPECT = 100;

/**
 * Read and check a picture. One that can't be used is skipped by name, whatever is wrong with it.
 * @returns undefined when it was skipped
 */
export async function checkPicture(
  file: IndexedFile,
  checkImage: CheckImage | undefined,
  findings: Findings,
): Promise<CheckedPicture | undefined> {
  const { path, source } = file;
  if (source.size > MAX_PICTURE_BYTES) {
    findings.skip(
      'picture-too-large',
      path,
      `${path} must have at most 256 MB, it has ${source.size >> 20} MB`,
    );
    return undefined;
  }
  try {
    const bytes = await source.read(0, source.size);
    const sniffed = sniffImage(bytes, path);
    const { width, height, orientation } = sniffed;
    if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height)) {
      findings.skip(
        'picture-too-thin',
        path,
        `${path} is ${width}x${height}: the long side may be at most ${MAX_ASPECT} times the short one`,
      );
      return undefined;
    }
    await checkWhole(bytes, sniffed, path, checkImage);
    if (!sniffed.isComplete)
      findings.warn(
        'end-mark-missing',
        path,
        `${path} decodes, but its end mark is missing: it may be cut off`,
      );
    for (const warning of sniffed.warnings) findings.warn(codeOf(warning), path, `${path}: ${warning}`);
    return { bytes, facts: { width, height, orientation, digest: await digest(bytes) } };
  } catch (error) {
    if (!isPictureFault(error)) throw error;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    const message = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
    findings.skip(error.code, path, `${message}${hint}`);
    return undefined;
  }
}

/** @throws DatasetError `damaged-image` */
async function checkWhole(
  bytes: Uint8Array,
  sniffed: SniffedImage,
  path: string,
  checkImage: CheckImage | undefined,
): Promise<void> {
  if (checkImage) {
    // A decoder may guess the missing part (grey); what it can't decode it refuses itself.
    await checkImage(bytes, path);
    return;
  }
  if (!sniffed.isComplete) {
    throw new TrainerError(`${path} is damaged: it ends before its picture does`, {
      code: 'damaged-image',
      hint: 'fetch it again, or take it out of the dataset',
    });
  }
}

/** Faults of one picture; a full disk, a cancelled import or a bug are not. */
function isPictureFault(error: unknown): error is TrainerError {
  return isFileFault(error) || (error instanceof TrainerError && error.code.includes('image'));
}

function codeOf(warning: string): string {
  if (warning.startsWith('first of')) return 'animation';
  if (warning.includes('CMYK')) return 'cmyk';
  return warning.includes('transparen') ? 'transparency' : 'picture-converted';
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, '0')).join('');
}
