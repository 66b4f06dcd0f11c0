// What a picture file is, read from its first bytes: names lie, and a decoder should never see a bomb.
// Source: JFIF/EXIF 2.32, PNG (W3C 2003), GIF89a, RIFF WebP container, BMP file header.

import { DatasetError } from '../../errors/trainerError.ts';
import { readBmp, readGif, readJpeg, readPng, readWebp, type HeaderFacts } from './headers.ts';

export type ImageFormat = 'jpeg' | 'png' | 'gif' | 'webp' | 'bmp';

/** Facts of an encoded picture, known without decoding it. */
export interface SniffedImage {
  readonly format: ImageFormat;
  /** Pixels, upright: after the EXIF rotation. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1..8; 1 is upright. */
  readonly orientation: number;
  /** Pictures in an animation; 1 otherwise. */
  readonly frames: number;
  readonly isCmyk: boolean;
  readonly hasAlpha: boolean;
  /** False when the file's own end mark is missing: most likely it was cut. Only meaningful for a whole file. */
  readonly isComplete: boolean;
  /** What a decoder will have to do, in words: `first of 4 frames`, `converted from CMYK`. */
  readonly warnings: readonly string[];
}

/** Larger pictures are refused before decoding: 100 megapixels take 300 MB as RGB. */
export const MAX_PIXELS = 100_000_000;
/** A side shorter than this can't be resized to a usable picture. */
export const MIN_SIDE_PX = 2;

/**
 * Read format, size and orientation of an encoded picture. The name is used in messages only.
 * @param bytes the file, or at least its head up to the size fields
 * @throws DatasetError `empty-image`, `unsupported-image-format`, `damaged-image`, `image-too-large`, `image-too-thin`
 * @example sniffImage(bytes, 'a.jpg') // { format: 'png', width: 320, height: 240, orientation: 1, … }
 */
export function sniffImage(bytes: Uint8Array, name: string): SniffedImage {
  if (bytes.length === 0) {
    throw new DatasetError(`${name} is an empty file (0 bytes)`, {
      code: 'empty-image',
      path: name,
      hint: 'the download or the copy broke off; fetch the picture again',
    });
  }
  const format = formatOf(bytes);
  if (!format) throw unsupported(bytes, name);
  const facts = readHeader(bytes, format, name);
  const isTurned = facts.orientation >= 5;
  const width = isTurned ? facts.height : facts.width;
  const height = isTurned ? facts.width : facts.height;
  checkSize(width, height, name);
  const { orientation, frames, isCmyk, hasAlpha, isComplete } = facts;
  const warnings: string[] = [];
  if (frames > 1) warnings.push(`first of ${frames} frames`);
  if (isCmyk) warnings.push('converted from CMYK');
  if (hasAlpha) warnings.push('transparency laid on black');
  return { format, width, height, orientation, frames, isCmyk, hasAlpha, isComplete, warnings };
}

/** @returns the format by its first bytes, undefined for anything we do not decode. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'png';
  if (ascii(bytes, 0, 6) === 'GIF87a' || ascii(bytes, 0, 6) === 'GIF89a') return 'gif';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (ascii(bytes, 0, 2) === 'BM' && bytes.length >= 26) return 'bmp';
  return undefined;
}

const READERS: Readonly<Record<ImageFormat, (bytes: Uint8Array) => HeaderFacts>> = {
  jpeg: readJpeg,
  png: readPng,
  gif: readGif,
  webp: readWebp,
  bmp: readBmp,
};

function readHeader(bytes: Uint8Array, format: ImageFormat, name: string): HeaderFacts {
  try {
    return READERS[format](bytes);
  } catch (cause) {
    // A DataView read past the end is how a cut header shows.
    const reason = cause instanceof RangeError ? 'it ends inside its header' : String(cause);
    throw new DatasetError(
      `${name} is damaged: its ${format.toUpperCase()} header can't be read (${reason})`,
      {
        code: 'damaged-image',
        path: name,
        cause,
      },
    );
  }
}

function checkSize(width: number, height: number, name: string): void {
  if (width * height > MAX_PIXELS) {
    throw new DatasetError(
      `${name} must have at most ${MAX_PIXELS / 1e6} megapixels, but it is ${width}x${height}`,
      { code: 'image-too-large', path: name, hint: 'make the picture smaller, or cut it into tiles' },
    );
  }
  if (Math.min(width, height) < MIN_SIDE_PX) {
    throw new DatasetError(
      `${name} must be at least ${MIN_SIDE_PX} px wide and high, but it is ${width}x${height}`,
      { code: 'image-too-thin', path: name },
    );
  }
}

/** Names of what people do put into picture folders, with the reason it is not read. */
const KNOWN_OTHERS: readonly { what: string; reason: string; test: (b: Uint8Array) => boolean }[] = [
  {
    what: 'a TIFF picture',
    reason: 'browsers do not decode TIFF; convert it to PNG or JPEG',
    test: (b) => startsWith(b, [0x49, 0x49, 0x2a, 0]) || startsWith(b, [0x4d, 0x4d, 0, 0x2a]),
  },
  {
    what: 'an AVIF picture',
    reason: 'convert it to PNG or JPEG',
    test: (b) => ascii(b, 4, 8) === 'ftyp' && /^avi[fs]$/.test(ascii(b, 8, 12)),
  },
  {
    what: 'a HEIC picture',
    reason: 'browsers do not decode HEIC (the default of iPhones); convert it to JPEG',
    test: (b) => ascii(b, 4, 8) === 'ftyp' && /^(hei[cmsx]|hev[cmsx]|mif1|msf1)$/.test(ascii(b, 8, 12)),
  },
  { what: 'a video', reason: 'cut it into pictures first', test: (b) => ascii(b, 4, 8) === 'ftyp' },
  {
    what: 'an SVG drawing',
    reason: 'it has no pixels and may hold scripts; export it as PNG',
    test: (b) => /^(?:<svg|<\?xml[\s\S]*<svg|<!--[\s\S]*<svg|<!doctype svg)/i.test(textHead(b)),
  },
  {
    what: 'a web page',
    reason: 'the download gave a page instead of the picture; fetch it again',
    test: (b) => /^(?:<!doctype html|<html|<head)/i.test(textHead(b)),
  },
  {
    what: 'a Git LFS pointer',
    reason: 'run `git lfs pull` to get the picture itself',
    test: (b) => textHead(b).startsWith('version https://git-lfs'),
  },
  {
    what: 'a JPEG XL picture',
    reason: 'convert it to PNG or JPEG',
    test: (b) => startsWith(b, [0xff, 0x0a]) || ascii(b, 4, 8) === 'JXL ',
  },
  {
    what: 'a JPEG 2000 picture',
    reason: 'convert it to PNG or JPEG',
    test: (b) => ascii(b, 4, 8) === 'jP  ' || startsWith(b, [0xff, 0x4f, 0xff, 0x51]),
  },
  {
    what: 'a Photoshop file',
    reason: 'export it as PNG or JPEG',
    test: (b) => ascii(b, 0, 4) === '8BPS',
  },
  { what: 'a PDF', reason: 'export its pages as PNG or JPEG', test: (b) => ascii(b, 0, 5) === '%PDF-' },
  {
    what: 'an icon file',
    reason: 'export it as PNG',
    test: (b) => startsWith(b, [0, 0, 1, 0]) || startsWith(b, [0, 0, 2, 0]),
  },
];

function unsupported(bytes: Uint8Array, name: string): DatasetError {
  const known = KNOWN_OTHERS.find((other) => other.test(bytes));
  const actual = known
    ? known.what
    : `a file that begins with the bytes ${[...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join(' ')}`;
  return new DatasetError(`${name} must be a JPEG, PNG, WebP, GIF or BMP picture, but it is ${actual}`, {
    code: 'unsupported-image-format',
    path: name,
    hint: known?.reason ?? 'convert it to PNG or JPEG, or take it out of the dataset',
  });
}

function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, i) => bytes[i] === byte);
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

/** The first kilobyte as text, without byte order mark and leading white space. */
function textHead(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 1024)).trimStart();
}
