import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 as nodeCrc32, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { encodePng } from '../png.ts';
import { crc32c, encodeRecords, FILE_VERSION, maskedCrc32c, readRecords, type TfEvent } from './index.ts';
import { readByTheSpec } from './testing/independentReader.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

test('crc32c: the vectors of RFC 3720', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(ascii('123456789'))).toBe(0xe3069283);
  expect(maskedCrc32c(ascii('123456789'))).toBe(3347755237);
});

const EVENTS: readonly TfEvent[] = [
  { wallTimeS: 1700000000.25, step: 0, fileVersion: FILE_VERSION },
  { wallTimeS: 1.5, step: 3, value: { kind: 'scalar', tag: 'train/loss', value: 0.25 } },
  { wallTimeS: 2, step: 300, value: { kind: 'scalar', tag: 'val/ö', value: NaN } },
  { wallTimeS: 2, step: 2 ** 33 + 5, value: { kind: 'scalar', tag: 'learning_rate', value: -Infinity } },
  { wallTimeS: 3, step: 127, value: { kind: 'text', tag: 'val/bbox_mAP_copypaste', text: '0.5 0.6' } },
  {
    wallTimeS: 4,
    step: 128,
    value: { kind: 'image', tag: 'val/a.jpg', width: 2, height: 1, png: Uint8Array.of(1, 2, 3) },
  },
];

describe('event files', () => {
  test('what is written is what both readers read', () => {
    const bytes = encodeRecords(EVENTS);
    expect(readRecords(bytes)).toEqual({ events: EVENTS, soundBytes: bytes.length });
    expect(readByTheSpec(bytes)).toEqual([
      { wallTime: 1700000000.25, step: 0n, fileVersion: 'brain.Event:2' },
      { wallTime: 1.5, step: 3n, tag: 'train/loss', simpleValue: 0.25 },
      { wallTime: 2, step: 300n, tag: 'val/ö', simpleValue: NaN },
      { wallTime: 2, step: 8589934597n, tag: 'learning_rate', simpleValue: -Infinity },
      {
        wallTime: 3,
        step: 127n,
        tag: 'val/bbox_mAP_copypaste/text_summary',
        plugin: 'text',
        tensor: { dtype: 7n, shape: [1n], strings: ['0.5 0.6'] },
      },
      {
        wallTime: 4,
        step: 128n,
        tag: 'val/a.jpg',
        image: { height: 1n, width: 2n, colorspace: 3n, png: [1, 2, 3] },
      },
    ]);
  });

  test('a file cut at any byte gives the whole records before the cut', () => {
    const bytes = encodeRecords(EVENTS);
    const ends = EVENTS.map((_, i) => encodeRecords(EVENTS.slice(0, i + 1)).length);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = ends.filter((end) => end <= cut);
      const { events, soundBytes } = readRecords(bytes.subarray(0, cut));
      expect(events).toHaveLength(whole.length);
      expect(soundBytes).toBe(whole.at(-1) ?? 0);
    }
  });

  test('a flipped bit ends the reading there', () => {
    const first = encodeRecords(EVENTS.slice(0, 1)).length;
    const bytes = encodeRecords(EVENTS);
    for (const at of [first, first + 9, first + 20]) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      expect(readRecords(damaged).events).toHaveLength(1);
      expect(() => readByTheSpec(damaged)).toThrow();
    }
  });
});

const FIXTURE = 'fixtures/tfevents/events.out.tfevents.1700000000.host.1.0';
test.runIf(sharedDir)('the file of the fixtures is read, and written to the same bytes', () => {
  const bytes = new Uint8Array(readFileSync(join(sharedDir ?? '', FIXTURE)));
  const { events, soundBytes } = readRecords(bytes);
  expect(soundBytes).toBe(bytes.length);
  expect(encodeRecords(events)).toEqual(bytes);
});

test('encodePng: chunks, CRCs and pixels, read by hand', () => {
  const rgb = Uint8Array.from({ length: 3 * 2 * 3 }, (_, i) => i * 13);
  const png = encodePng(rgb, 3, 2);
  const view = new DataView(png.buffer);
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(view.getUint32(at + 8 + length)).toBe(nodeCrc32(body));
    chunks.set(new TextDecoder().decode(body.subarray(0, 4)), body.subarray(4));
    at += length + 12;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect([...(chunks.get('IHDR') ?? [])]).toEqual([0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
  const rows = inflateSync(chunks.get('IDAT') ?? new Uint8Array());
  expect([...rows]).toEqual([0, ...rgb.subarray(0, 9), 0, ...rgb.subarray(9)]);
});
