// Every step of Learn trains as it stands, and the log shows what the step says.

import { describe, expect, test } from 'vitest';
import { shortRun } from '../../run/testing/shortRun.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { CHAPTERS, configPathOf, filesOf } from './step.ts';
import { STEPS } from './steps/index.ts';

await testAdapter();

/** A run of eight iterations, on a software adapter that others use too. */
const RUN_TIMEOUT_MS = 240_000;

test('steps have names of their own, in the order of the chapters', () => {
  expect(new Set(STEPS.map(({ id }) => id)).size).toBe(STEPS.length);
  const places = STEPS.map(({ chapter }) => CHAPTERS.indexOf(chapter));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

describe.each(STEPS.map((step) => [step.id, step] as const))('%s', (_, step) => {
  test(
    'it trains, and its log has what to look for',
    async () => {
      const files = Object.fromEntries(filesOf(step).map(({ path, text }) => [path, text]));
      const { log } = await shortRun(configPathOf(step), files);
      const wanted = step.look.flatMap(({ log: line }) => line ?? []);
      expect(wanted.length).toBeGreaterThan(0);
      for (const line of wanted) expect(log).toMatch(new RegExp(line));
    },
    RUN_TIMEOUT_MS,
  );
});
