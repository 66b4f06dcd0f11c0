// Header readers, one per picture format. Each reads what it needs with a DataView, which throws a RangeError
// when the file is too short; `sniff.ts` turns that into a named error.

import { u8At } from '../../util/at.ts';

/** What a header says; sizes as stored, before the EXIF rotation. */
export interface HeaderFacts {
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  readonly frames: number;
  readonly isCmyk: boolean;
  readonly hasAlpha: boolean;
  readonly isComplete: boolean;
}

const PLAIN = { orientation: 1, frames: 1, isCmyk: false, hasAlpha: false } as const;

/** Walk the JPEG segments up to the first scan. */
export function readJpeg(bytes: Uint8Array): HeaderFacts {
  const view = viewOf(bytes);
  let orientation = 1;
  let frame: { width: number; height: number; components: number } | undefined;
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) throw new Error(`no marker at byte ${at}`);
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    const hasLength = !(marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8));
    if (!hasLength) {
      at += 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (marker === 0xe1 && tag(bytes, at + 4, 6) === 'Exif\0\0') {
      orientation = readOrientation(bytes.subarray(at + 10, at + 2 + length));
    }
    if (isFrameMarker(marker)) {
      frame = {
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: view.getUint8(at + 9),
      };
    }
    if (marker === 0xda || marker === 0xd9) {
      if (!frame) throw new Error('it has no frame header');
      const { width, height, components } = frame;
      const isComplete = lastIndexOfPair(bytes, 0xff, 0xd9) >= at + 2 + length;
      return { ...PLAIN, width, height, orientation, isCmyk: components === 4, isComplete };
    }
    at += 2 + length;
  }
}

/** Walk the PNG chunks; only their headers are looked at. */
export function readPng(bytes: Uint8Array): HeaderFacts {
  const view = viewOf(bytes);
  if (tag(bytes, 12, 4) !== 'IHDR') throw new Error('IHDR must come first');
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const colourType = view.getUint8(25);
  let hasAlpha = colourType === 4 || colourType === 6;
  let orientation = 1;
  let frames = 1;
  let isComplete = false;
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = tag(bytes, at + 4, 4);
    if (type === 'tRNS') hasAlpha = true;
    if (type === 'acTL' && at + 12 <= bytes.length) frames = Math.max(1, view.getUint32(at + 8));
    if (type === 'eXIf') orientation = readOrientation(bytes.subarray(at + 8, at + 8 + length));
    if (type === 'IEND') isComplete = true;
    at += 12 + length;
  }
  return { ...PLAIN, width, height, hasAlpha, orientation, frames, isComplete };
}

/** Walk the GIF blocks to count the frames. The first frame may be smaller than the canvas; the canvas counts. */
export function readGif(bytes: Uint8Array): HeaderFacts {
  const view = viewOf(bytes);
  const width = view.getUint16(6, true);
  const height = view.getUint16(8, true);
  let at = 13 + colourTableBytes(view.getUint8(10));
  let frames = 0;
  let isComplete = false;
  let hasAlpha = false;
  while (at < bytes.length && !isComplete) {
    const block = bytes[at];
    if (block === 0x3b) isComplete = true;
    else if (block === 0x2c && at + 10 <= bytes.length) {
      frames += 1;
      at = skipSubBlocks(bytes, at + 10 + colourTableBytes(u8At(bytes, at + 9)) + 1);
    } else if (block === 0x21) {
      // A graphic control extension with the transparency flag.
      if (frames === 0 && bytes[at + 1] === 0xf9 && (u8At(bytes, at + 3) & 1) === 1) hasAlpha = true;
      at = skipSubBlocks(bytes, at + 2);
    } else break;
  }
  return { ...PLAIN, width, height, hasAlpha, frames: Math.max(1, frames), isComplete };
}

/** Read the first chunk of a WebP for its size, the rest for animation and EXIF. */
export function readWebp(bytes: Uint8Array): HeaderFacts {
  const view = viewOf(bytes);
  const isComplete = view.getUint32(4, true) + 8 <= bytes.length;
  const kind = tag(bytes, 12, 4);
  if (kind === 'VP8 ') {
    const width = view.getUint16(26, true) & 0x3fff;
    return { ...PLAIN, width, height: view.getUint16(28, true) & 0x3fff, isComplete };
  }
  if (kind === 'VP8L') {
    const bits = view.getUint32(21, true);
    const hasAlpha = ((bits >>> 28) & 1) === 1;
    return {
      ...PLAIN,
      width: (bits & 0x3fff) + 1,
      height: ((bits >>> 14) & 0x3fff) + 1,
      hasAlpha,
      isComplete,
    };
  }
  if (kind !== 'VP8X') throw new Error(`unknown first chunk ${JSON.stringify(kind)}`);
  const flags = view.getUint8(20);
  const width = 1 + (view.getUint32(24, true) & 0xffffff);
  const height = 1 + (view.getUint16(27, true) | (view.getUint8(29) << 16));
  let frames = 0;
  let orientation = 1;
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    const type = tag(bytes, at, 4);
    if (type === 'ANMF') frames += 1;
    if (type === 'EXIF') orientation = readOrientation(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length & 1);
  }
  const hasAlpha = (flags & 0x10) !== 0;
  return { ...PLAIN, width, height, hasAlpha, orientation, frames: Math.max(1, frames), isComplete };
}

/** A BMP's size; a negative height means rows from the top. */
export function readBmp(bytes: Uint8Array): HeaderFacts {
  const view = viewOf(bytes);
  const isComplete = view.getUint32(2, true) <= bytes.length;
  if (view.getUint32(14, true) === 12) {
    return { ...PLAIN, width: view.getUint16(18, true), height: view.getUint16(20, true), isComplete };
  }
  const width = Math.abs(view.getInt32(18, true));
  return { ...PLAIN, width, height: Math.abs(view.getInt32(22, true)), isComplete };
}

/** EXIF tag 0x0112 of IFD0; 1 when absent or out of range. */
function readOrientation(tiff: Uint8Array): number {
  // WebP files often repeat the JPEG prefix.
  const body = tag(tiff, 0, 6) === 'Exif\0\0' ? tiff.subarray(6) : tiff;
  if (body.length < 8) return 1;
  const view = viewOf(body);
  const isLittle = view.getUint16(0) === 0x4949;
  const ifd = view.getUint32(4, isLittle);
  if (ifd + 2 > body.length) return 1;
  const entries = view.getUint16(ifd, isLittle);
  for (let i = 0; i < entries; i++) {
    const at = ifd + 2 + 12 * i;
    if (at + 12 > body.length) return 1;
    if (view.getUint16(at, isLittle) !== 0x0112) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** SOF0..SOF15 without DHT (c4), JPG (c8) and DAC (cc). */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function colourTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function skipSubBlocks(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += u8At(bytes, at) + 1;
  return at + 1;
}

function lastIndexOfPair(bytes: Uint8Array, first: number, second: number): number {
  for (let at = bytes.lastIndexOf(second); at > 0; at = bytes.lastIndexOf(second, at - 1)) {
    if (bytes[at - 1] === first) return at - 1;
  }
  return -1;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function tag(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}
