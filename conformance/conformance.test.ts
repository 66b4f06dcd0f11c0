// Every fixture: those here, and of the shared folder's those that are not here too. A test a case; each is counted.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { sharedDir } from '../src/util/testing/sharedDir.ts';
import { EVERYTHING, NOT_YET } from './notYet.ts';
import { fixtureFiles, readFixture, runFixture } from './runFixtures.ts';
import type { FixtureCase, FixtureFile, ParityCaseResult } from './suites/types.ts';

const OWN = fileURLToPath(new URL('fixtures', import.meta.url));
const SHARED = sharedDir && join(sharedDir, 'fixtures');
/** A file of the optimizers, or of a thousand schedules, takes half a minute on two slow cores. */
const TIMEOUT_MS = 300_000;

const files = fixtureFiles(OWN).map((file) => ({
  file,
  name: relative(OWN, file),
  fixture: readFixture(file),
}));
if (SHARED)
  for (const file of fixtureFiles(SHARED)) {
    const name = relative(SHARED, file);
    const fixture = withoutCasesOf(readFixture(file), join(OWN, name));
    if (fixture && fixture.cases.length > 0) files.push({ file, name: `shared/${name}`, fixture });
  }

describe.each(files)('$name', ({ file, fixture }) => {
  const cases = fixture?.cases ?? [];
  let results: readonly ParityCaseResult[] = [];
  let byId = new Map<string, ParityCaseResult>();
  beforeAll(async () => {
    if (fixture) results = await runFixture(fixture, file);
    byId = new Map(results.map((result) => [result.id, result]));
  }, TIMEOUT_MS);

  test('every case has an outcome, and some are there', () => {
    expect(results.length).toBeGreaterThanOrEqual(Math.max(1, cases.length));
    // One case may have an outcome for each of its parts.
    const failures = results.flatMap(({ id, outcome }) =>
      outcome.status === 'failed' && !cases.some((one) => one.id === id) ? [`${id}: ${outcome.detail}`] : [],
    );
    expect(failures).toEqual([]);
  });

  test.for(cases)('$id', ({ id }, { skip }) => {
    const outcome = byId.get(id)?.outcome;
    if (outcome?.status === 'skipped') skip(`not built yet: ${outcome.name}`);
    // A file whose cases are counted by their parts has none of this name.
    else if (outcome) expect(outcome).toEqual({ status: 'passed' });
  });

  test('nothing that notYet.ts lists passes', () => {
    const passing = results.flatMap(({ id, file: base, outcome }) => {
      if (outcome.status !== 'passed') return [];
      const one = cases.find((c) => c.id === id);
      return listedIn(base, one).map((name) => `${name} is built: ${id} passes`);
    });
    expect(passing).toEqual([]);
  });
});

/** Names of the list that a case mentions. */
function listedIn(file: string, one: FixtureCase | undefined): string[] {
  const text = JSON.stringify(one ?? {});
  return (NOT_YET[file] ?? []).filter(
    (name) => name === EVERYTHING || ['"', '/'].some((end) => text.includes(`"${name}${end}`)),
  );
}

function withoutCasesOf(fixture: FixtureFile | null, own: string): FixtureFile | null {
  if (!fixture || !existsSync(own)) return fixture;
  const known = new Set(readFixture(own)?.cases.map((one) => JSON.stringify(one)));
  return { ...fixture, cases: fixture.cases.filter((one) => !known.has(JSON.stringify(one))) };
}
