import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { ConfigError } from '../src/errors/trainerError.ts';
import { SUITES } from './suites/index.ts';
import type { FixtureCase, FixtureFile, ParityCaseResult } from './suites/types.ts';
import { initEngine } from '../src/gpu/index.ts';
import { installNodeGpu } from '../src/gpu/nodeGpu.ts';
import type { Arguments } from '../src/cli/arguments.ts';
import type { Tools } from '../src/cli/command.ts';
import { PARITY } from '../src/cli/commands.ts';
import { main as runCommand } from '../src/cli/main.ts';

export { onStrayError } from '../src/cli/strayErrors.ts';

/** `tabtrain`, with `tabtrain parity`. */
export function main(argv: readonly string[], tools: Tools): Promise<number> {
  return runCommand(argv, tools, [{ ...PARITY, run: runParity }]);
}

/** `tabtrain parity DIR`: every fixture file found, one line a file, failures by name, then the totals. */
export async function runParity(args: Arguments): Promise<number> {
  const [dir] = args.positional;
  const files = fixtureFiles(dir);
  const only = args.value('only');
  const totals = { passed: 0, failed: 0, skipped: 0 };
  let hasGpu = false;
  for (const file of files) {
    const name = basename(file);
    const suite = SUITES.find((s) =>
      s.files.some((f) => (typeof f === 'string' ? f === name : f.test(name))),
    );
    const fixture = readFixture(file);
    if (fixture === null) continue;
    let results: readonly ParityCaseResult[];
    const wanted = fixture.cases.filter(
      (c) => only === undefined || name.includes(only) || c.id.includes(only),
    );
    if (wanted.length === 0) continue;
    if (!suite) {
      results = wanted.map((c) => ({
        file: name,
        id: c.id,
        outcome: { status: 'skipped', reason: 'this kind is not built yet' },
      }));
    } else {
      if (suite.needsGpu && !hasGpu) {
        await installNodeGpu();
        await initEngine();
        hasGpu = true;
      }
      results = await suite.run({ ...fixture, cases: wanted }, name, dirname(file));
    }
    report(relative(dir, file), results, totals, args.has('verbose'));
  }
  if (totals.passed + totals.failed + totals.skipped === 0) {
    throw new ConfigError(
      `parity must find a fixture case, but there is none below ${dir}${only === undefined ? '' : ` whose file or id contains '${only}'`}`,
      { code: 'no-cases', path: dir },
    );
  }
  if (totals.skipped > 0)
    console.log(`${totals.skipped} skipped: kinds that are not built yet, by name above`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 ? 0 : 1;
}

function report(
  file: string,
  results: readonly ParityCaseResult[],
  totals: { passed: number; failed: number; skipped: number },
  verbose: boolean,
): void {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const skips = new Map<string, string[]>();
  for (const { id, outcome } of results) {
    counts[outcome.status] += 1;
    totals[outcome.status] += 1;
    if (outcome.status === 'failed') console.log(`FAILED ${file} ${id}: ${outcome.detail}`);
    else if (outcome.status === 'skipped')
      skips.set(outcome.reason, [...(skips.get(outcome.reason) ?? []), id]);
    else if (verbose) console.log(`passed ${file} ${id}`);
  }
  console.log(`${file}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  for (const [reason, ids] of skips) console.log(`  skipped (${reason}): ${ids.join(', ')}`);
}

function fixtureFiles(dir: string): string[] {
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

/** A JSON file that isn't a fixture (no cases) of ours is one case by itself when a suite takes it, else it is left out. */
function readFixture(file: string): FixtureFile | null {
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
