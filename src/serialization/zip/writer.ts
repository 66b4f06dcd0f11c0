// Writes zip archives without compression, front to back: nothing is ever held but the table of contents.
// Source: PKWARE APPNOTE 6.3.10. The alignment field 'FB' is PyTorch's (caffe2/serialize/inline_container.cc).

import { crc32 } from './crc32.ts';
import { unsafeNameReason } from './entryName.ts';
import { ZipError } from './zipError.ts';
import { invariant } from '../../errors/index.ts';

/** Takes the bytes of a file in order; `FileWriter` is one. */
export interface ByteSink {
  write(chunk: Uint8Array): Promise<void>;
}

export interface ZipWriterOptions {
  /** Each entry's data starts at a multiple of this many bytes; default 1. PyTorch wants 64. */
  alignment?: number;
}

interface Written {
  rawName: Uint8Array;
  flags: number;
  crc: number;
  size: number;
  offset: number;
}

const NARROW_MAX = 0xffffffff;
const UTF8_FLAG = 0x800;
const DESCRIPTOR_FLAG = 8;
const FIRST_OF_1980 = 0x21;

/**
 * Writes a stored (uncompressed) zip; zip64 records are added where a size or an offset needs them.
 *
 * @example
 * const zip = new ZipWriter(sink);
 * await zip.add('a.txt', new TextEncoder().encode('hello'));
 * await zip.finish();
 */
export class ZipWriter {
  readonly #sink: ByteSink;
  readonly #alignment: number;
  readonly #written: Written[] = [];
  readonly #names = new Set<string>();
  #offset = 0;

  constructor(sink: ByteSink, options: ZipWriterOptions = {}) {
    this.#sink = sink;
    this.#alignment = options.alignment ?? 1;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#offset;
  }

  /** Add an entry whose bytes are in memory. Borrows `data` until the promise resolves. */
  async add(name: string, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const chunks = data instanceof Uint8Array ? [data] : data;
    let crc = 0;
    let size = 0;
    for (const chunk of chunks) {
      crc = crc32(chunk, crc);
      size += chunk.length;
    }
    const entry = await this.#begin(name, size, 0, crc);
    for (const chunk of chunks) await this.#write(chunk);
    this.#written.push(entry);
  }

  /** Add an entry whose bytes come piece by piece. @param size their number, known beforehand. */
  async addStream(name: string, size: number, data: AsyncIterable<Uint8Array>): Promise<void> {
    const entry = await this.#begin(name, size, DESCRIPTOR_FLAG, 0);
    let count = 0;
    for await (const chunk of data) {
      entry.crc = crc32(chunk, entry.crc);
      count += chunk.length;
      await this.#write(chunk);
    }
    invariant(count === size, `zip entry ${name} was announced with ${size} bytes, got ${count}`);
    const record = new Fields().u32(0x08074b50).u32(entry.crc);
    await this.#write((size >= NARROW_MAX ? record.u64(size).u64(size) : record.u32(size).u32(size)).bytes());
    this.#written.push(entry);
  }

  /** Write the table of contents. @returns the size of the whole archive in bytes. */
  async finish(): Promise<number> {
    const start = this.#offset;
    for (const entry of this.#written) await this.#write(centralRecord(entry));
    const size = this.#offset - start;
    const count = this.#written.length;
    const isWide = start >= NARROW_MAX || size >= NARROW_MAX || count >= 0xffff;
    if (isWide) {
      const position = this.#offset;
      const record = new Fields().u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0);
      record.u64(count).u64(count).u64(size).u64(start);
      await this.#write(record.u32(0x07064b50).u32(0).u64(position).u32(1).bytes());
    }
    const end = new Fields().u32(0x06054b50).u16(0).u16(0);
    end.u16(Math.min(count, 0xffff)).u16(Math.min(count, 0xffff));
    await this.#write(end.u32(narrow(size)).u32(narrow(start)).u16(0).bytes());
    return this.#offset;
  }

  async #begin(name: string, size: number, extraFlags: number, crc: number): Promise<Written> {
    const reason = unsafeNameReason(name);
    if (reason !== null)
      throw new ZipError(
        'zip-bad-name',
        `zip entry name must stay inside the folder, got ${JSON.stringify(name)}: ${reason}`,
      );
    invariant(!this.#names.has(name), `zip entry ${name} is written twice`);
    this.#names.add(name);
    const rawName = new TextEncoder().encode(name);
    const flags = UTF8_FLAG | extraFlags;
    const isWide = size >= NARROW_MAX;
    const extra = new Fields();
    if (isWide) extra.u16(1).u16(16).u64(size).u64(size);
    if (this.#alignment > 1) this.#pad(extra, rawName.length);
    const extraBytes = extra.bytes();
    const head = new Fields().u32(0x04034b50).u16(isWide ? 45 : 20);
    head.u16(flags).u16(0).u16(0).u16(FIRST_OF_1980).u32(crc);
    head.u32(narrow(size)).u32(narrow(size)).u16(rawName.length).u16(extraBytes.length);
    const entry = { rawName, flags, crc, size, offset: this.#offset };
    await this.#write(head.raw(rawName).raw(extraBytes).bytes());
    return entry;
  }

  #pad(extra: Fields, nameBytes: number): void {
    const dataStart = this.#offset + 30 + nameBytes + extra.length + 4;
    const padding = (this.#alignment - (dataStart % this.#alignment)) % this.#alignment;
    extra.u16(0x4246).u16(padding).raw(new Uint8Array(padding).fill(0x5a));
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    await this.#sink.write(chunk);
    this.#offset += chunk.length;
  }
}

function centralRecord(entry: Written): Uint8Array {
  const { rawName, flags, crc, size, offset } = entry;
  const wide = new Fields();
  if (size >= NARROW_MAX) wide.u64(size).u64(size);
  if (offset >= NARROW_MAX) wide.u64(offset);
  const wideBytes = wide.bytes();
  const extra = new Fields();
  if (wideBytes.length > 0) extra.u16(1).u16(wideBytes.length).raw(wideBytes);
  const version = wideBytes.length > 0 ? 45 : 20;
  const head = new Fields().u32(0x02014b50).u16(version).u16(version);
  head.u16(flags).u16(0).u16(0).u16(FIRST_OF_1980).u32(crc).u32(narrow(size)).u32(narrow(size));
  head.u16(rawName.length).u16(extra.length).u16(0).u16(0).u16(0).u32(0).u32(narrow(offset));
  return head.raw(rawName).raw(extra.bytes()).bytes();
}

const narrow = (value: number): number => Math.min(value, NARROW_MAX);

/** Little-endian numbers, one after the other. */
class Fields {
  readonly #values: number[] = [];

  get length(): number {
    return this.#values.length;
  }

  u16(value: number): this {
    this.#values.push(value & 255, value >>> 8);
    return this;
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#values.push(byte);
    return this;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#values);
  }
}
