// Exact resume in the tab: it is closed in the middle of a run, and a new one ends with the same bits.

import { expect, test } from './page.ts';
import { differences, RESUME_CASES, runCutOff, runStraight } from './resumeRuns.ts';

/** `scripts/killTab.mjs` sets these: so many kills of each case, at random places. */
const KILLS = Number(process.env['TAB_KILLS'] ?? 0);
const SEED = Number(process.env['TAB_SEED'] ?? 1);
const MAX_DELAY_MS = 400;

test('a run whose tab is closed goes on in a new one and ends with the same bits, with any number of decode workers', async ({
  page,
  context,
}) => {
  test.skip(KILLS > 0, 'random kills instead');
  test.setTimeout(300_000);
  const one = RESUME_CASES['SGD, EMA, cyclic'];
  const wanted = await runStraight(page, one, 0);
  expect(Object.keys(wanted.records).length).toBeGreaterThanOrEqual(one.iters);
  await page.close();
  // In the middle of the second epoch: what lies behind the last checkpoint is done again.
  const got = await runCutOff(context, one, 5, [1, 4]);
  expect(got.from).toBe('resumed epoch 1, iter 3');
  expect(differences(wanted, got)).toEqual([]);
});

if (KILLS > 0)
  for (const [name, one] of Object.entries(RESUME_CASES))
    test(`random kills: ${name}`, async ({ page, context }) => {
      test.setTimeout(3_600_000);
      const random = mulberry32(SEED);
      const wanted = await runStraight(page, one, 0);
      await page.close();
      let same = 0;
      for (let n = 0; n < KILLS; n++) {
        const at = 1 + Math.floor(random() * (one.iters - 1));
        const delayMs = Math.floor(random() * MAX_DELAY_MS);
        const got = await runCutOff(context, one, at, [1, 4], delayMs);
        const found = differences(wanted, got);
        if (found.length === 0) same += 1;
        const result = found.length === 0 ? 'the same bits' : found.slice(0, 3).join('; ');
        console.log(`${name}: closed ${delayMs} ms behind record ${at}, ${got.from}: ${result}`);
      }
      console.log(`${name}: ${same} of ${KILLS} bit-equal`);
      expect(same).toBe(KILLS);
    });

/** The kills repeat with the seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
