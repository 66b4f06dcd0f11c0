import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { bytesSource, type ByteSource } from './byteSource.ts';
import { crc32 } from './crc32.ts';
import type { ZipEntry } from './centralDirectory.ts';
import { decodeEntryName, unsafeNameReason } from './entryName.ts';
import { openZip, type ZipArchive } from './zipArchive.ts';
import { ZipWriter, type ZipWriterOptions } from './writer.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const pattern = (n: number): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => (i * i * 31 + (i >> 7)) & 255);

function entryOf(zip: ZipArchive, name: string): ZipArchive['entries'][number] {
  const entry = zip.entries.find((e) => e.name === name);
  if (!entry) throw new Error(`no ${name}`);
  return entry;
}

async function write(files: Record<string, Uint8Array>, options?: ZipWriterOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const zip = new ZipWriter({ write: async (c) => void chunks.push(c.slice()) }, options);
  for (const [name, data] of Object.entries(files)) await zip.add(name, data);
  const size = await zip.finish();
  const bytes = Uint8Array.from(Buffer.concat(chunks));
  expect(bytes.length).toBe(size);
  return bytes;
}

describe('crc32', () => {
  test('gives the check value of the standard, in one piece or several', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926);
    expect(crc32(utf8('6789'), crc32(utf8('12345')))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
    // zlib.crc32(bytes(range(256)) * 3) in Python
    expect(crc32(Uint8Array.from({ length: 768 }, (_, i) => i & 255))).toBe(0xb0c0df2a);
  });
});

describe('openZip', () => {
  test('reads stored and deflated entries made by another packer', async () => {
    const files = {
      'a/': new Uint8Array(),
      'a/stored.bin': pattern(70_000),
      'b.txt': utf8('hello '.repeat(50_000)),
      c: utf8(''),
    };
    const packed = zipSync({ ...files, 'a/stored.bin': [files['a/stored.bin'], { level: 0 }] });
    const zip = await openZip(bytesSource(packed));
    expect(zip.entries.map((e) => [e.name, e.isDirectory, e.method])).toEqual([
      ['a/', true, 8],
      ['a/stored.bin', false, 0],
      ['b.txt', false, 8],
      ['c', false, 8],
    ]);
    for (const [name, data] of Object.entries(files))
      expect(await zip.read(entryOf(zip, name))).toEqual(data);
  });

  test('streams large entries in pieces, never more than 16 MiB at once', async () => {
    const size = 40 * 2 ** 20;
    const zip = await openZip(bytesSource(zipSync({ z: new Uint8Array(size) })), { maxRatio: 2000 });
    let total = 0;
    for await (const piece of zip.stream(at(zip, 0))) {
      expect(piece.length).toBeLessThanOrEqual(17 * 2 ** 20);
      total += piece.length;
    }
    expect(total).toBe(size);
  });

  test('reads only what it needs', async () => {
    const packed = zipSync({ big: pattern(3_000_000), small: utf8('x') }, { level: 0 });
    let bytesRead = 0;
    const counting: ByteSource = {
      size: packed.length,
      read: async (start, end) => {
        bytesRead += Math.min(end, packed.length) - start;
        return packed.slice(start, end);
      },
    };
    const zip = await openZip(counting);
    await zip.read(entryOf(zip, 'small'));
    expect(bytesRead).toBeLessThan(70_000);
  });

  test('finds an archive behind foreign bytes and before a comment', async () => {
    const packed = zipSync({ f: utf8('hi') });
    const commented = Buffer.concat([utf8('#!/bin/sh self-extractor\n'), packed, utf8('note')]);
    commented.writeUInt16LE(4, commented.length - 4 - 2);
    const zip = await openZip(bytesSource(Uint8Array.from(commented)));
    expect(await zip.read(at(zip, 0))).toEqual(utf8('hi'));
  });

  test('names the damage', async () => {
    const packed = zipSync({ 'f.txt': [utf8('some text that is long enough'), { level: 0 }] });
    await expect(openZip(bytesSource(packed.slice(0, 40)))).rejects.toMatchObject({
      code: 'zip-truncated',
      isInputError: true,
      message: 'incomplete zip (download broken off?): its contents table, which lies at the end, is missing',
    });
    const flipped = packed.slice();
    flipBits(flipped, 45, 1);
    const zip = await openZip(bytesSource(flipped));
    await expect(zip.read(at(zip, 0))).rejects.toMatchObject({ code: 'zip-crc', path: 'f.txt' });
    await expect(openZip(bytesSource(new Uint8Array()))).rejects.toMatchObject({ code: 'zip-truncated' });
    // Bytes that are cut out of the middle: the table is there, the data is not.
    const hole = Uint8Array.from(Buffer.concat([packed.slice(0, 10), packed.slice(30)]));
    const shifted = openZip(bytesSource(hole)).then((z) => z.read(at(z, 0)));
    await expect(shifted).rejects.toMatchObject({ code: 'zip-truncated' });
  });

  test('deflated data that is damaged or cut is refused, whatever byte is hit', async () => {
    const packed = zipSync({ f: utf8(JSON.stringify(Array.from({ length: 200 }, (_, i) => i * 17))) });
    const { start, end } = await openZip(bytesSource(packed)).then((z) => z.dataRange(at(z, 0)));
    for (let where = start; where < end; where += 7) {
      const broken = packed.slice();
      flipBits(broken, where, 0x55);
      const zip = await openZip(bytesSource(broken));
      await expect(zip.read(at(zip, 0))).rejects.toMatchObject({ name: 'ZipError' });
    }
  });

  test.each([
    ['Rar!\x1a\x07\x01\x00', 'this is a RAR archive, not a zip'],
    ['7z\xbc\xaf\x27\x1c', 'this is a 7z archive, not a zip'],
    ['\x1f\x8b\x08', 'this is a gzip file, not a zip'],
    ['\0'.repeat(257) + 'ustar', 'this is a tar archive, not a zip'],
    ['hello', 'this is not a zip: it has no zip signature'],
  ])('says what a foreign file is: %j', async (head, message) => {
    const bytes = Uint8Array.from(head, (c) => c.charCodeAt(0));
    await expect(openZip(bytesSource(bytes))).rejects.toMatchObject({ code: 'zip-not-a-zip', message });
  });

  test('refuses an empty archive unless told otherwise', async () => {
    const empty = await write({});
    await expect(openZip(bytesSource(empty))).rejects.toMatchObject({ code: 'zip-empty' });
    expect((await openZip(bytesSource(empty), { allowEmpty: true })).entries).toEqual([]);
    await expect(openZip(bytesSource(zipSync({ 'd/': new Uint8Array() })))).rejects.toMatchObject({
      code: 'zip-empty',
    });
  });

  test('refuses bombs by what they declare', async () => {
    const packed = zipSync({ z: new Uint8Array(20 * 2 ** 20) });
    await expect(openZip(bytesSource(packed))).rejects.toMatchObject({ code: 'zip-bomb', path: 'z' });
    const small = zipSync({ a: pattern(1000), b: pattern(1000) });
    await expect(openZip(bytesSource(small), { maxEntryBytes: 999 })).rejects.toMatchObject({
      code: 'zip-bomb',
    });
    await expect(openZip(bytesSource(small), { maxTotalBytes: 1999 })).rejects.toMatchObject({
      code: 'zip-bomb',
    });
    const zip = await openZip(bytesSource(small), { maxTotalBytes: 2000 });
    await expect(zip.read(at(zip, 0), { maxBytes: 999 })).rejects.toMatchObject({ code: 'zip-bomb' });
    expect(await zip.read(at(zip, 0), { maxBytes: 1000 })).toEqual(pattern(1000));
  });

  test('stops at the declared size when an entry unpacks to more', async () => {
    const packed = zipSync({ z: new Uint8Array(2 ** 20) });
    const view = new DataView(packed.buffer);
    const directory = view.getUint32(packed.length - 6, true);
    view.setUint32(directory + 24, 5000, true);
    const zip = await openZip(bytesSource(packed));
    let got = 0;
    const drain = async (): Promise<void> => {
      for await (const piece of zip.stream(at(zip, 0))) got += piece.length;
    };
    await expect(drain()).rejects.toMatchObject({ code: 'zip-bomb' });
    expect(got).toBeLessThanOrEqual(5000);
  });

  test('refuses methods it does not know', async () => {
    const packed = zipSync({ z: pattern(10) });
    const view = new DataView(packed.buffer);
    view.setUint16(view.getUint32(packed.length - 6, true) + 10, 14, true);
    const zip = await openZip(bytesSource(packed));
    await expect(zip.read(at(zip, 0))).rejects.toMatchObject({ code: 'zip-unsupported-method' });
  });
});

describe('names of entries', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  test('UTF-8, Shift-JIS and code page 437 are told apart, and nothing throws', () => {
    expect(decodeEntryName(utf8('Grün/写真.jpg'), false)).toMatchObject({
      name: 'Grün/写真.jpg',
      isGuessed: false,
    });
    // 写真.jpg in Shift-JIS
    const japanese = bytes(0x8e, 0xca, 0x90, 0x5e, 0x2e, 0x6a, 0x70, 0x67);
    expect(decodeEntryName(japanese, false)).toEqual({
      name: '写真.jpg',
      encoding: 'shift-jis',
      isGuessed: true,
    });
    // Körper in code page 437, also valid Shift-JIS
    expect(decodeEntryName(bytes(0x4b, 0x94, 0x72, 0x70, 0x65, 0x72), false).name).toBe('Körper');
    expect(decodeEntryName(bytes(0x80, 0xff, 0xe1), false).name).toBe('Ç\u00a0ß');
    expect(decodeEntryName(bytes(0x61, 0xff), true)).toMatchObject({ name: 'a\ufffd', isGuessed: true });
  });

  test('unsafe names give their reason', () => {
    expect(unsafeNameReason('a/b..c/d.jpg')).toBeNull();
    for (const name of ['../x', 'a/../x', '/abs', '..\\x', 'C:\\x', 'C:/x', 'a\0b', ''])
      expect(unsafeNameReason(name)).not.toBeNull();
  });
});

describe('ZipWriter', () => {
  test('what it writes is read back, aligned where asked', async () => {
    const files = { 'archive/data.pkl': pattern(123), 'archive/data/0': pattern(5000), 'ü.bin': pattern(1) };
    const zip = await openZip(bytesSource(await write(files, { alignment: 64 })));
    for (const entry of zip.entries) expect((await zip.dataRange(entry)).start % 64).toBe(0);
    for (const [name, data] of Object.entries(files))
      expect(await zip.read(entryOf(zip, name))).toEqual(data);
  });

  test('streams an entry whose CRC is known only at its end', async () => {
    const chunks: Uint8Array[] = [];
    const writer = new ZipWriter({ write: async (c) => void chunks.push(c) });
    await writer.addStream(
      's',
      300,
      (async function* () {
        yield pattern(100);
        yield pattern(200);
      })(),
    );
    await writer.add('t', [pattern(3), pattern(4)]);
    await writer.finish();
    const zip = await openZip(bytesSource(Uint8Array.from(Buffer.concat(chunks))));
    expect(await zip.read(at(zip, 0))).toEqual(Uint8Array.from([...pattern(100), ...pattern(200)]));
    expect(await zip.read(at(zip, 1))).toEqual(Uint8Array.from([...pattern(3), ...pattern(4)]));
  });

  test('refuses names that leave the folder', async () => {
    await expect(write({ '../evil': pattern(1) })).rejects.toMatchObject({ code: 'zip-bad-name' });
  });

  test('entries past 4 GiB get zip64 records that are read back', { timeout: 300_000 }, async () => {
    // 4.06 GiB of zeros are never in memory: the source keeps only the other pieces. The CRC takes some seconds.
    const zeros = new Uint8Array(2 ** 26);
    const size = 65 * zeros.length;
    const kept: { at: number; bytes: Uint8Array }[] = [];
    let length = 0;
    const writer = new ZipWriter({
      write: async (c) => {
        if (c !== zeros) kept.push({ at: length, bytes: c });
        length += c.length;
      },
    });
    await writer.addStream(
      'big',
      size,
      (async function* () {
        for (let i = 0; i < 65; i++) yield zeros;
      })(),
    );
    await writer.add('after', pattern(9));
    expect(await writer.finish()).toBe(length);
    const sparse: ByteSource = {
      size: length,
      read: async (start, end) => {
        const out = new Uint8Array(Math.max(0, Math.min(end, length) - start));
        for (const { at, bytes } of kept) {
          const from = Math.max(at, start);
          const to = Math.min(at + bytes.length, end);
          if (from < to) out.set(bytes.subarray(from - at, to - at), from - start);
        }
        return out;
      },
    };
    const zip = await openZip(sparse);
    expect(zip.entries.map((e) => [e.name, e.size])).toEqual([
      ['big', size],
      ['after', 9],
    ]);
    expect(at(zip, 1).headerOffset).toBeGreaterThan(2 ** 32);
    expect(await zip.read(at(zip, 1))).toEqual(pattern(9));
    expect(await zip.dataRange(at(zip, 0))).toEqual({ start: 53, end: 53 + size });
  });
});

function at(zip: { entries: readonly ZipEntry[] }, index: number): ZipEntry {
  const entry = zip.entries[index];
  if (!entry) throw new Error(`the zip has no entry ${index}`);
  return entry;
}

function flipBits(bytes: Uint8Array, where: number, bits: number): void {
  bytes[where] = (bytes[where] ?? 0) ^ bits;
}
