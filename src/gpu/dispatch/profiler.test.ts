import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { at } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

function square(times: number): void {
  const x = gpu.ones([4]);
  for (let i = 0; i < times; i++) gpu.square(x).dispose();
  x.dispose();
}

test('every dispatch is timed, also more than one query set holds', async () => {
  square(1);
  gpu.startProfile();
  square(2100);
  expect(gpu.profileState()).toMatchObject({ timed: 2101, left: 32_768 - 2101 });
  await gpu.onIdle();
  const passes = await gpu.endProfilePasses();
  expect(passes.length).toBe(2101);
  expect(at(passes, 0).startNs).toBe(0);
  for (const [i, { startNs, endNs }] of passes.entries()) {
    expect(endNs).toBeGreaterThanOrEqual(startNs);
    if (i > 0) expect(startNs).toBeGreaterThanOrEqual(at(passes, i - 1).startNs);
  }
  expect(gpu.profileState()).toEqual({ timed: 0, left: 0, activeMs: 0 });
});

test('a suspended profile takes no dispatches and no time, then goes on', async () => {
  const start = performance.now();
  gpu.startProfile();
  square(1);
  const goOn = gpu.suspendProfile();
  square(5);
  await new Promise((resolve) => setTimeout(resolve, 200));
  goOn();
  square(2);
  const { timed, activeMs } = gpu.profileState();
  // One fill each, and the squares.
  expect(timed).toBe(2 + 3);
  expect(performance.now() - start - activeMs).toBeGreaterThan(190);
  await gpu.onIdle();
  expect((await gpu.endProfilePasses()).length).toBe(5);
});
