// tfevents/tfevents.json: the CRC's vectors, and a small event file, record by record.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  crc32c,
  encodeRecords,
  maskedCrc32c,
  readRecords,
  type TfEvent,
} from '../../src/serialization/index.ts';
import { allOf, compare } from './hookOrderRig.ts';
import type { FixtureFile, ParityOutcome, ParitySuite } from './types.ts';

interface EventsFixture extends FixtureFile {
  readonly crc_vectors: readonly { readonly hex: string; readonly crc32c: number; readonly masked: number }[];
  readonly file: string;
  readonly events: readonly {
    readonly wall_time: number;
    readonly step?: number;
    readonly file_version?: string;
    readonly tag?: string;
    readonly simple_value?: number;
  }[];
  readonly records_hex: readonly string[];
}

export const suite: ParitySuite = {
  files: ['tfevents.json'],
  run: (fixture, file, directory) => {
    const outcome = runFile(fixture as EventsFixture, directory);
    return Promise.resolve(fixture.cases.map(({ id }) => ({ file, id, outcome })));
  },
};

function runFile(fixture: EventsFixture, directory: string): ParityOutcome {
  const events = fixture.events.map((event): TfEvent => {
    const {
      wall_time: wallTimeS,
      step = 0,
      file_version: fileVersion,
      tag = '',
      simple_value: value,
    } = event;
    return {
      wallTimeS,
      step,
      ...(fileVersion !== undefined && { fileVersion }),
      // Kept as float32, which the fixture's 0.0125 is not.
      ...(value !== undefined && { value: { kind: 'scalar', tag, value: Math.fround(value) } }),
    };
  });
  const bytes = new Uint8Array(readFileSync(join(directory, fixture.file)));
  const crcs = fixture.crc_vectors.map(({ hex }) => {
    const data = fromHex(hex);
    return { hex, crc32c: crc32c(data), masked: maskedCrc32c(data) };
  });
  return allOf(
    compare('crc_vectors', crcs, fixture.crc_vectors),
    compare(
      'records',
      events.map((event) => toHex(encodeRecords([event]))),
      fixture.records_hex,
    ),
    compare('file written', toHex(encodeRecords(events)), toHex(bytes)),
    compare('file read', readRecords(bytes), { events, soundBytes: bytes.length }),
  );
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
