// Fixture files of `checkpoints/`: `<file>.pth.json` says what real torch.save wrote into the `.pth` beside it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../../src/errors/index.ts';
import { crc32, readPth, type PthValue } from '../../src/serialization/index.ts';
import { runCases } from './compare.ts';
import { runLoadCheckpoint } from './loadCheckpoint.ts';
import { encodeFixture, sameValue } from './checkpointValues.ts';
import {
  failed,
  passed,
  type FixtureFile,
  type ParityCaseResult,
  type ParityOutcome,
  type ParitySuite,
} from './types.ts';

/** One case per `.pth`, and those of load_checkpoint.json. */
export const suite: ParitySuite = {
  files: [/\.pth\.json$/, 'load_checkpoint.json'],
  async run(fixture, file, directory): Promise<ParityCaseResult[]> {
    if (!file.endsWith('.pth.json')) return runCases(fixture, file, runLoadCheckpoint);
    return [{ file, id: file.replace(/\.json$/, ''), outcome: await check(fixture, file, directory) }];
  },
};

async function check(fixture: FixtureFile, file: string, directory: string): Promise<ParityOutcome> {
  try {
    const bytes = new Uint8Array(readFileSync(join(directory, file.replace(/\.json$/, ''))));
    const result = await attempt(bytes);
    if ('error' in fixture) return refused(result, 'damaged', bytes);
    if (!('content' in fixture)) return refused(result, 'unsafe-global', bytes);
    if (result instanceof CheckpointError) return failed(result.format());
    const difference = sameValue(encodeFixture(result), fixture['content']);
    return difference === null ? passed : failed(difference);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

async function attempt(bytes: Uint8Array): Promise<PthValue | CheckpointError> {
  try {
    return await readPth(bytes);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
}

function refused(result: PthValue | CheckpointError, code: string, bytes: Uint8Array): ParityOutcome {
  if (!(result instanceof CheckpointError))
    return failed(`must be refused (${code}), was read (CRC-32 ${crc32(bytes).toString(16)})`);
  return result.code === code
    ? passed
    : failed(`must be refused with ${code}, got ${result.code}: ${result.message}`);
}
