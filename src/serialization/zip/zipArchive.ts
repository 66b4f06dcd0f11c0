// Reads zip archives piece by piece, from anywhere, and never trusts what they declare about themselves.

import { Inflate } from 'fflate';
import type { ByteSource } from './byteSource.ts';
import { readCentralDirectory, truncated, type ZipEntry } from './centralDirectory.ts';
import { crc32 } from './crc32.ts';
import { ZipError } from './zipError.ts';

/** What an archive may declare before it is refused as a zip bomb. */
export interface ZipPolicy {
  /** Most bytes of one unpacked entry; default 8 GiB. */
  maxEntryBytes?: number;
  /** Most bytes of all unpacked entries together; default no limit. */
  maxTotalBytes?: number;
  /** Most unpacked bytes per packed byte, for entries above 16 MiB; default 250 (json of a dataset has 5 to 30). */
  maxRatio?: number;
  /** Take an archive without entries; default false. */
  allowEmpty?: boolean;
}

export interface ReadLimits {
  /** Stop with `zip-bomb` past this many unpacked bytes; default: the declared size. */
  maxBytes?: number;
}

export interface ZipArchive {
  /** In the order of the archive; names are as found, see `unsafeNameReason`. */
  readonly entries: readonly ZipEntry[];
  /** Where an entry's packed bytes lie in the source. @throws ZipError `zip-truncated` */
  dataRange(entry: ZipEntry): Promise<{ start: number; end: number }>;
  /** Unpacked bytes, piece by piece; the CRC-32 is checked after the last. @throws ZipError */
  stream(entry: ZipEntry, limits?: ReadLimits): AsyncIterable<Uint8Array>;
  /** All unpacked bytes of an entry. @throws ZipError */
  read(entry: ZipEntry, limits?: ReadLimits): Promise<Uint8Array>;
}

const LOCAL = 0x04034b50;
const READ_BYTES = 1 << 18;
// Deflate grows at most 1032 times, so a piece of 16 KiB never unpacks to more than 16 MiB at once.
const INFLATE_BYTES = 1 << 14;
const MAX_DEFLATE_RATIO = 1032;
const RATIO_FREE_BYTES = 1 << 24;
const DEFAULT_ENTRY_BYTES = 8 * 2 ** 30;

/**
 * Open a zip archive. Reads only its table of contents.
 * @throws ZipError `zip-truncated`, `zip-not-a-zip`, `zip-empty`, `zip-bomb`, `zip-multi-disk`, or `zip-encrypted`
 * when every file in it is.
 */
export async function openZip(source: ByteSource, policy: ZipPolicy = {}): Promise<ZipArchive> {
  const entries = await readCentralDirectory(source);
  checkPolicy(entries, policy);
  const dataRange = (entry: ZipEntry): Promise<{ start: number; end: number }> => locate(source, entry);
  const stream = (entry: ZipEntry, limits?: ReadLimits): AsyncGenerator<Uint8Array> =>
    unpack(source, entry, limits);
  return {
    entries,
    dataRange,
    stream,
    async read(entry, limits) {
      checkDeclared(entry, limits);
      const bytes = new Uint8Array(entry.size);
      let at = 0;
      for await (const piece of stream(entry, limits)) {
        bytes.set(piece, at);
        at += piece.length;
      }
      return bytes;
    },
  };
}

function checkPolicy(entries: readonly ZipEntry[], policy: ZipPolicy): void {
  const { maxEntryBytes = DEFAULT_ENTRY_BYTES, maxTotalBytes = Infinity, maxRatio = 250 } = policy;
  const fileEntries = entries.filter((e) => !e.isDirectory);
  if (fileEntries.length === 0 && !policy.allowEmpty)
    throw new ZipError('zip-empty', 'the zip is empty: it must hold at least one file');
  const [first] = fileEntries;
  if (first && fileEntries.every((e) => e.isEncrypted)) throw encrypted(first);
  let total = 0;
  for (const entry of fileEntries) {
    total += entry.size;
    if (entry.size > maxEntryBytes)
      throw bomb(entry, `at most ${maxEntryBytes} bytes, declares ${entry.size}`);
    if (entry.size > RATIO_FREE_BYTES && entry.size > maxRatio * Math.max(1, entry.compressedSize))
      throw bomb(entry, `at most ${maxRatio} times its packed size, declares ${ratio(entry)} times`);
    if (total > maxTotalBytes)
      throw bomb(entry, `at most ${maxTotalBytes} bytes with those before, got ${total}`);
  }
}

function checkDeclared(entry: ZipEntry, limits: ReadLimits | undefined): void {
  if (entry.isEncrypted) throw encrypted(entry);
  if (entry.method !== 0 && entry.method !== 8)
    throw new ZipError(
      'zip-unsupported-method',
      `zip entry must be stored or deflated, got method ${entry.method}`,
      {
        path: entry.name,
        hint: 'pack the zip again with ordinary compression',
      },
    );
  const { maxBytes = Infinity } = limits ?? {};
  if (entry.size > maxBytes) throw bomb(entry, `at most ${maxBytes} bytes, declares ${entry.size}`);
  if (entry.method === 0 && entry.size !== entry.compressedSize)
    throw damaged(entry, `${entry.compressedSize} stored bytes but declares ${entry.size}`);
  if (entry.size > MAX_DEFLATE_RATIO * (entry.compressedSize + 1))
    throw bomb(entry, `no more than deflate can give, declares ${ratio(entry)} times its packed size`);
}

async function locate(source: ByteSource, entry: ZipEntry): Promise<{ start: number; end: number }> {
  const header = await source.read(entry.headerOffset, entry.headerOffset + 30);
  if (header.length < 30) throw truncated(`${entry.name} starts past its end`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== LOCAL)
    throw damaged(entry, `no local header at byte ${entry.headerOffset}`);
  const start = entry.headerOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const end = start + entry.compressedSize;
  if (end > source.size) throw truncated(`${entry.name} ends at ${end}, the file has ${source.size} bytes`);
  return { start, end };
}

async function* unpack(
  source: ByteSource,
  entry: ZipEntry,
  limits: ReadLimits | undefined,
): AsyncGenerator<Uint8Array> {
  checkDeclared(entry, limits);
  const { start, end } = await locate(source, entry);
  let crc = 0;
  let count = 0;
  for await (const piece of entry.method === 0
    ? pieces(source, start, end)
    : inflate(source, start, end, entry)) {
    count += piece.length;
    // The declared size is within the limit (checkDeclared), so one comparison serves both.
    if (count > entry.size) throw bomb(entry, `the ${entry.size} bytes it declares, got more`);
    crc = crc32(piece, crc);
    if (piece.length > 0) yield piece;
  }
  if (count < entry.size) throw damaged(entry, `${count} of ${entry.size} bytes`);
  if (crc !== entry.crc32) throw damaged(entry, `CRC-32 ${hex(crc)}, recorded ${hex(entry.crc32)}`);
}

async function* pieces(source: ByteSource, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += READ_BYTES) {
    const piece = await source.read(at, Math.min(end, at + READ_BYTES));
    if (piece.length < Math.min(end - at, READ_BYTES)) throw truncated(`bytes end at ${at + piece.length}`);
    yield piece;
  }
}

async function* inflate(
  source: ByteSource,
  start: number,
  end: number,
  entry: ZipEntry,
): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const inflater = new Inflate((piece) => ready.push(piece));
  for await (const packed of pieces(source, start, end)) {
    for (let at = 0; at < packed.length; at += INFLATE_BYTES) {
      try {
        inflater.push(packed.subarray(at, at + INFLATE_BYTES), false);
      } catch (cause) {
        throw damaged(entry, 'compressed data that is not valid', cause);
      }
      const out = ready;
      ready = [];
      yield* out;
    }
  }
}

function encrypted(entry: ZipEntry): ZipError {
  return new ZipError(
    'zip-encrypted',
    'zip must be readable without a password, this zip is password protected',
    {
      path: entry.name,
      hint: 'unpack it with the password and pack it again without one',
    },
  );
}

function bomb(entry: ZipEntry, rule: string): ZipError {
  return new ZipError('zip-bomb', `zip entry must unpack to ${rule}`, {
    path: entry.name,
    hint: 'this looks like a zip bomb; if it is your own, unpack it and drop the folder instead',
  });
}

function damaged(entry: ZipEntry, got: string, cause?: unknown): ZipError {
  return new ZipError('zip-crc', `zip entry is damaged: got ${got}`, {
    path: entry.name,
    hint: 'fetch or pack the file again',
    cause,
  });
}

const ratio = (entry: ZipEntry): number => Math.round(entry.size / Math.max(1, entry.compressedSize));
const hex = (value: number): string => value.toString(16).padStart(8, '0');
