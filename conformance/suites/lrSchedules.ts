// Runs lr_schedules.json and momentum_schedules.json: a value per group and iteration, to 1e-12, and which keys are left in the
// groups.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { judgeThrown, notRaised, type ExceptionCodes } from './raised.ts';
import { askCurves, type MultiCase } from './scheduleCurves.ts';
import { runSchedules, type ScheduleCase, type Series } from './scheduleRig.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Relative; pow and cos of V8 and of C's libm differ in the last bits. */
const TOLERANCE = 1e-12;

export const suite: ParitySuite = {
  files: ['lr_schedules.json', 'momentum_schedules.json'],
  needsGpu: true,
  async run(fixture, file, directory) {
    const floats = await floatKeys(join(directory, file));
    return runCases(fixture, file, (one) => runCase(one, floats.get(one.id) ?? new Set()));
  },
};

/** What a Python exception is with us. */
const CODES: ExceptionCodes = {
  KeyError: ['unknown-policy', 'no-momentum', 'bad-type'],
  AssertionError: ['missing-policy', 'bad-value'],
  TypeError: ['missing-argument', 'unknown-argument', 'bad-type'],
  ValueError: ['bad-value', 'no-momentum', 'beyond-periods', 'beyond-schedule'],
  ZeroDivisionError: ['bad-value'],
};

/** Everything that a case's `out` may tell. */
const COMPARED = ['position_epoch_iter_inner', 'lr', 'momentum', 'final_group_keys'] as const;

async function runCase(one: FixtureCase, floats: ReadonlySet<string>): Promise<ParityOutcome> {
  let got: Partial<Series>;
  try {
    got = hasSeveral(one) ? askCurves(one, floats) : await runSchedules(one as ScheduleCase, floats);
  } catch (error) {
    return judgeThrown(error, one, CODES);
  }
  if (one.error) return notRaised(one);
  const out = one.out as Readonly<Record<string, unknown>>;
  for (const key of COMPARED) {
    if (out[key] === undefined || got[key] === undefined) continue;
    const difference = diffSeries(key, got[key], decodeValue(out[key]));
    if (difference) return difference;
  }
  return passed;
}

function hasSeveral(one: FixtureCase): one is MultiCase {
  return 'optimizers' in (one.optimizer as object);
}

function diffSeries(where: string, got: unknown, wanted: unknown): ParityOutcome | undefined {
  if (typeof got === 'number' && typeof wanted === 'number') {
    // Relative: learning rates are small.
    return Math.abs(got - wanted) <= TOLERANCE * Math.abs(wanted) + 1e-300
      ? undefined
      : failed(`${where}: got ${got}, wanted ${wanted}`);
  }
  if (Array.isArray(got) && Array.isArray(wanted) && got.length === wanted.length) {
    for (let i = 0; i < got.length; i++) {
      const difference = diffSeries(`${where}[${i}]`, got[i], wanted[i]);
      if (difference) return difference;
    }
    return undefined;
  }
  return diffNumbers(where, got, wanted, TOLERANCE);
}

/**
 * Per case, the keys ("lr_config.pct_start") whose number Python wrote as a float. JSON.parse loses `1.0`, so the
 * text is read once more with such numbers kept as text.
 */
async function floatKeys(path: string): Promise<Map<string, Set<string>>> {
  const text = await readFile(path, 'utf8');
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+\.0+(?=[\s,\]}])/g, (token) =>
    token.startsWith('"') ? token : `{"__float__":"${token}"}`,
  );
  const { cases } = JSON.parse(tagged) as { cases: FixtureCase[] };
  return new Map(
    cases.map((one) => [
      one.id,
      new Set(
        ['lr_config', 'momentum_config'].flatMap((config) =>
          Object.entries((one[config] as Record<string, unknown> | undefined) ?? {})
            .filter(([, value]) => typeof value === 'object' && value !== null && '__float__' in value)
            .map(([key]) => `${config}.${key}`),
        ),
      ),
    ]),
  );
}
