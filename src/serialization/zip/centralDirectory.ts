// Finds and reads the table of contents at the end of a zip, zip64 included.
// Source: PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16 and 4.5.3.

import type { ByteSource } from './byteSource.ts';
import { decodeEntryName, type NameEncoding } from './entryName.ts';
import { ZipError } from './zipError.ts';

export interface ZipEntry {
  readonly name: string;
  readonly rawName: Uint8Array;
  readonly nameEncoding: NameEncoding;
  /** True when the name's encoding was guessed: worth a word in a report. */
  readonly isNameGuessed: boolean;
  readonly hasUtf8Flag: boolean;
  readonly isDirectory: boolean;
  readonly isEncrypted: boolean;
  /** 0 stored, 8 deflate; others can't be read. */
  readonly method: number;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes when unpacked, as declared. */
  readonly size: number;
  readonly crc32: number;
  /** Absolute offset of the local header in the source. */
  readonly headerOffset: number;
}

const EOCD = 0x06054b50;
const EOCD64_LOCATOR = 0x07064b50;
const EOCD64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const EOCD_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;

/** @throws ZipError when there is no complete table of contents. */
export async function readCentralDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const tailStart = Math.max(0, source.size - EOCD_BYTES - MAX_COMMENT_BYTES - 20);
  const tail = await source.read(tailStart, source.size);
  const at = findEnd(tail);
  if (at === undefined) throw await notAnArchive(source);
  const view = viewOf(tail);
  const end = tailStart + at;
  let size = view.getUint32(at + 12, true);
  let offset = view.getUint32(at + 16, true);
  let count = view.getUint16(at + 10, true);
  let disk = view.getUint16(at + 4, true);
  let directoryEnd = end;
  if (at >= 20 && view.getUint32(at - 20, true) === EOCD64_LOCATOR) {
    const wide = await readEnd64(source, view.getBigUint64(at - 12, true), end - 20);
    ({ size, offset, count, disk } = wide);
    directoryEnd = wide.position;
  }
  if (disk !== 0 && disk !== 0xffff)
    throw new ZipError('zip-multi-disk', `zip must be one file, got part ${disk + 1} of a split archive`, {
      hint: 'join the parts (zip -s 0) and try again',
    });
  // Bytes before the archive (a self-extractor) shift every offset by the same amount.
  const shift = directoryEnd - size - offset;
  if (shift < 0)
    throw truncated(`its contents table should start at ${offset}, the file has ${source.size} bytes`);
  const bytes = await source.read(offset + shift, offset + shift + size);
  return parseEntries(bytes, count, shift);
}

function findEnd(tail: Uint8Array): number | undefined {
  const view = viewOf(tail);
  let loose: number | undefined;
  for (let i = tail.length - EOCD_BYTES; i >= 0; i--) {
    if (tail[i] !== 0x50 || view.getUint32(i, true) !== EOCD) continue;
    const last = i + EOCD_BYTES + view.getUint16(i + 20, true);
    if (last === tail.length) return i;
    if (last < tail.length) loose ??= i;
  }
  return loose;
}

interface End64 {
  size: number;
  offset: number;
  count: number;
  disk: number;
  position: number;
}

async function readEnd64(source: ByteSource, declared: bigint, locator: number): Promise<End64> {
  // With bytes in front of the archive the declared place is off; the record is 56 bytes when it has no extension.
  for (const position of [toSafe(declared), locator - 56]) {
    const bytes = await source.read(position, position + 56);
    if (bytes.length < 56) continue;
    const view = viewOf(bytes);
    if (view.getUint32(0, true) !== EOCD64) continue;
    return {
      disk: view.getUint32(16, true),
      count: toSafe(view.getBigUint64(32, true)),
      size: toSafe(view.getBigUint64(40, true)),
      offset: toSafe(view.getBigUint64(48, true)),
      position,
    };
  }
  throw truncated('its zip64 record is missing');
}

function parseEntries(bytes: Uint8Array, count: number, shift: number): ZipEntry[] {
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + 46 <= bytes.length && view.getUint32(at, true) === CENTRAL) {
    const flags = view.getUint16(at + 8, true);
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) break;
    const rawName = bytes.slice(at + 46, nameEnd);
    const extra = readExtra(bytes.subarray(nameEnd, extraEnd));
    const hasUtf8Flag = (flags & 0x800) !== 0;
    const { name, encoding, isGuessed } = decodeEntryName(rawName, hasUtf8Flag, extra.get(0x7075));
    const wide = wideFields(extra.get(1), {
      size: view.getUint32(at + 24, true),
      compressedSize: view.getUint32(at + 20, true),
      headerOffset: view.getUint32(at + 42, true),
    });
    entries.push({
      name,
      rawName,
      nameEncoding: encoding,
      isNameGuessed: isGuessed,
      hasUtf8Flag,
      isDirectory: name.endsWith('/'),
      isEncrypted: (flags & 1) !== 0,
      method: view.getUint16(at + 10, true),
      crc32: view.getUint32(at + 16, true),
      ...wide,
      headerOffset: wide.headerOffset + shift,
    });
    at = next;
  }
  // The 16-bit count wraps around in archives of old tools, so only its low bits are compared.
  if ((entries.length & 0xffff) !== (count & 0xffff))
    throw truncated(`its contents table lists ${entries.length} of ${count} entries`);
  return entries;
}

function readExtra(bytes: Uint8Array): Map<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end <= bytes.length) fields.set(view.getUint16(at, true), bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

type Sizes = Pick<ZipEntry, 'size' | 'compressedSize' | 'headerOffset'>;

/** The zip64 field holds, in this order, only those numbers whose 32-bit place says 0xFFFFFFFF. */
function wideFields(field: Uint8Array | undefined, narrow: Sizes): Sizes {
  if (!field) return narrow;
  const view = viewOf(field);
  let at = 0;
  const take = (value: number): number => {
    if (value !== 0xffffffff || at + 8 > field.length) return value;
    at += 8;
    return toSafe(view.getBigUint64(at - 8, true));
  };
  const size = take(narrow.size);
  const compressedSize = take(narrow.compressedSize);
  return { size, compressedSize, headerOffset: take(narrow.headerOffset) };
}

const MAGICS: readonly (readonly [number, string, string])[] = [
  [0, 'Rar!', 'a RAR archive'],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7z archive'],
  [0, '\x1f\x8b', 'a gzip file'],
  [257, 'ustar', 'a tar archive'],
  [0, 'BZh', 'a bzip2 file'],
  [0, '\xfd7zXZ', 'an xz file'],
  [0, '\x28\xb5\x2f\xfd', 'a Zstandard file'],
  [0, '%PDF', 'a PDF'],
  [0, '\xff\xd8\xff', 'a JPEG picture'],
  [0, '\x89PNG', 'a PNG picture'],
];

async function notAnArchive(source: ByteSource): Promise<ZipError> {
  const head = await source.read(0, 512);
  if (head.length === 0)
    return new ZipError('zip-truncated', 'zip must not be empty, got 0 bytes', {
      hint: 'the download may have broken off: fetch the file again',
    });
  const text = String.fromCharCode(...head);
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x07\x08'))
    return truncated('its contents table, which lies at the end, is missing');
  const found = MAGICS.find(([at, magic]) => text.startsWith(magic, at));
  const what = found ? `this is ${found[2]}, not a zip` : 'this is not a zip: it has no zip signature';
  return new ZipError('zip-not-a-zip', what, { hint: 'pack the files as .zip and try again' });
}

/** Build the error for an archive that lacks bytes. */
export function truncated(detail: string): ZipError {
  return new ZipError('zip-truncated', `incomplete zip (download broken off?): ${detail}`, {
    hint: 'fetch or pack the file again',
  });
}

function toSafe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw truncated(`a size of ${value} bytes can't be right`);
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
