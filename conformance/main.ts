import { basename, relative } from 'node:path';
import { ConfigError } from '../src/errors/trainerError.ts';
import type { Arguments } from '../src/cli/arguments.ts';
import type { Tools } from '../src/cli/command.ts';
import { PARITY } from '../src/cli/commands.ts';
import { main as runCommand } from '../src/cli/main.ts';
import { fixtureFiles, readFixture, runFixture } from './runFixtures.ts';
import type { ParityCaseResult } from './suites/types.ts';

export { onStrayError } from '../src/cli/strayErrors.ts';

/** `tabtrain`, with `tabtrain parity`. */
export function main(argv: readonly string[], tools: Tools): Promise<number> {
  return runCommand(argv, tools, [{ ...PARITY, run: runParity }]);
}

/** `tabtrain parity DIR`: every fixture file found, one line a file, failures by name, then the totals. */
export async function runParity(args: Arguments): Promise<number> {
  const [dir = '.'] = args.positional;
  const only = args.value('only');
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const file of fixtureFiles(dir)) {
    const fixture = readFixture(file);
    if (fixture === null) continue;
    const name = basename(file);
    const cases = fixture.cases.filter(
      (one) => only === undefined || name.includes(only) || one.id.includes(only),
    );
    if (cases.length === 0) continue;
    report(relative(dir, file), await runFixture({ ...fixture, cases }, file), totals, args.has('verbose'));
  }
  if (totals.passed + totals.failed + totals.skipped === 0) {
    throw new ConfigError(
      `parity must find a fixture case, but there is none below ${dir}${only === undefined ? '' : ` whose file or id contains '${only}'`}`,
      { code: 'no-cases', path: dir },
    );
  }
  if (totals.skipped > 0)
    console.log(`${totals.skipped} skipped: not built yet (conformance/notYet.ts), by name above`);
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
    else if (outcome.status === 'skipped') skips.set(outcome.name, [...(skips.get(outcome.name) ?? []), id]);
    else if (verbose) console.log(`passed ${file} ${id}`);
  }
  console.log(`${file}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  for (const [name, ids] of skips) console.log(`  not built yet (${name}): ${ids.join(', ')}`);
}
