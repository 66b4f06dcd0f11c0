import { expect, test } from 'vitest';
import { planSlots } from './liveness.ts';

test('planSlots: tensors that are never needed together share a slot of the larger size', () => {
  const plan = planSlots([
    { bytes: 100, first: 0, last: 1 },
    { bytes: 400, first: 2, last: 3 },
    { bytes: 50, first: 4, last: 9 },
  ]);
  expect(plan).toEqual({ slotOf: [0, 0, 0], slotBytes: [400] });
});

test('planSlots: what one dispatch reads and writes never shares a slot', () => {
  const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 64, first: i, last: i + 1 }));
  const { slotOf, slotBytes } = planSlots(chain);
  expect(slotBytes).toEqual([64, 64]);
  for (let i = 1; i < 10; i++) expect(slotOf[i]).not.toBe(slotOf[i - 1]);
});

test('planSlots: no two in a slot overlap, and no slot is too small, whatever the intervals', () => {
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const intervals = Array.from({ length: 300 }, () => {
    const first = random(500);
    return { bytes: 4 + random(1000), first, last: first + random(60) };
  });
  const { slotOf, slotBytes } = planSlots(intervals);
  for (const [i, a] of intervals.entries()) {
    expect(slotBytes[slotOf[i]]).toBeGreaterThanOrEqual(a.bytes);
    for (const [j, b] of intervals.entries())
      if (i < j && slotOf[i] === slotOf[j]) expect(a.first <= b.last && b.first <= a.last).toBe(false);
  }
  // The least that any plan needs: the most that lives at one time.
  const load = Array.from({ length: 560 }, (_, t) =>
    intervals.reduce((sum, { bytes, first, last }) => sum + (first <= t && t <= last ? bytes : 0), 0),
  );
  expect(slotBytes.reduce((a, b) => a + b, 0)).toBeLessThan(1.35 * Math.max(...load));
});
