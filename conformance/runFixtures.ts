// Fixture files found, read, and run by the suite that takes them.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../src/errors/trainerError.ts';
import { initEngine } from '../src/gpu/index.ts';
import { installNodeGpu } from '../src/gpu/device/nodeGpu.ts';
import { EVERYTHING, isNotYet } from './notYet.ts';
import { SUITES } from './suites/index.ts';
import {
  failed,
  notBuilt,
  type FixtureCase,
  type FixtureFile,
  type ParityCaseResult,
  type ParitySuite,
} from './suites/types.ts';

/** Paths of every JSON file below a folder, sorted. @throws ConfigError `not-found` */
export function fixtureFiles(dir: string): string[] {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ConfigError(`parity needs a folder of fixture files, but ${dir} is none`, {
      code: 'not-found',
      path: dir,
    });
  }
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.json'))
    .sort()
    .map((f) => join(dir, f));
}

/**
 * Read a fixture file. A JSON object without cases is one case by itself.
 * @returns null for JSON that isn't an object
 * @throws ConfigError `bad-json`
 */
export function readFixture(file: string): FixtureFile | null {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`a fixture file must be JSON, but reading ${file} fails: ${String(cause)}`, {
      code: 'bad-json',
      path: file,
      cause,
    });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return null;
  if ('cases' in content && Array.isArray(content.cases)) {
    const cases = content.cases.map((one: FixtureCase & { description?: string }, i) => ({
      ...one,
      id: one.id ?? one.description ?? `case ${i}`,
    }));
    return { ...content, cases };
  }
  return { ...content, cases: [{ id: basename(file) }] };
}

/**
 * Run the cases of one fixture file. Where its suite finds something that isn't built, the case is skipped if `notYet.ts` lists
 * it, and has failed otherwise.
 * @param file path; its folder may hold neighbours, such as `.pth` files
 */
export async function runFixture(fixture: FixtureFile, file: string): Promise<ParityCaseResult[]> {
  const name = basename(file);
  const suite = suiteOf(name);
  if (suite?.needsGpu) {
    await installNodeGpu();
    await initEngine();
  }
  const results = suite
    ? await suite.run(fixture, name, dirname(file))
    : fixture.cases.map(({ id }) => ({ file: name, id, outcome: notBuilt(EVERYTHING) }));
  return results.map((result) => ({ ...result, outcome: onlyListed(result) }));
}

function onlyListed({ file, outcome }: ParityCaseResult): ParityCaseResult['outcome'] {
  if (outcome.status !== 'skipped' || isNotYet(file, outcome.name)) return outcome;
  const what = outcome.name === EVERYTHING ? `a suite for ${file}` : outcome.name;
  return failed(`${what} is neither built nor listed in conformance/notYet.ts`);
}

function suiteOf(name: string): ParitySuite | undefined {
  return SUITES.find((suite) => suite.files.some((f) => (typeof f === 'string' ? f === name : f.test(name))));
}
