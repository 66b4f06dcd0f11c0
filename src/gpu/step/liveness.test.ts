import { expect, test } from 'vitest';
import { planSlots, type Interval } from './liveness.ts';
import { at } from '../../util/at.ts';

/** Written by its first dispatch, read by its last. */
const between = (bytes: number, first: number, last: number): Interval => ({
  ...{ bytes, first, last },
  reads: last > first ? [last] : [],
  writes: [first],
});

test('planSlots: tensors that are never needed together share a slot of the larger size', () => {
  const plan = planSlots([between(100, 0, 1), between(400, 2, 3), between(50, 4, 9)]);
  expect(plan).toEqual({ slotOf: [0, 0, 0], offsetOf: [0, 0, 0], slotBytes: [400] });
});

test('planSlots: smaller tensors lie side by side in a slot, at offsets that can be bound', () => {
  const plan = planSlots([between(1000, 0, 1), between(100, 2, 9), between(400, 3, 8), between(300, 4, 7)]);
  expect(plan).toEqual({ slotOf: [0, 1, 0, 0], offsetOf: [0, 0, 0, 512], slotBytes: [1000, 100] });
});

test('planSlots: what one dispatch reads and writes never shares a slot', () => {
  const chain = Array.from({ length: 10 }, (_, i) => between(64, i, i + 1));
  const large = { bytes: 10_000, first: 20, last: 21, reads: [], writes: [20, 21] };
  const { slotOf, slotBytes } = planSlots([...chain, large]);
  expect(slotBytes).toEqual([10_000, 64]);
  for (let i = 1; i < 10; i++) expect(slotOf[i]).not.toBe(slotOf[i - 1]);
});

test('planSlots: no two overlap in a slot, and no slot is too small, whatever the intervals', () => {
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const intervals = Array.from({ length: 300 }, () => {
    const first = random(500);
    return between(4 * (1 + random(1000)), first, first + random(60));
  });
  const { slotOf, offsetOf, slotBytes } = planSlots(intervals);
  for (const [i, a] of intervals.entries()) {
    expect(at(offsetOf, i) % 256).toBe(0);
    expect(slotBytes[at(slotOf, i)]).toBeGreaterThanOrEqual(at(offsetOf, i) + a.bytes);
    for (const [j, b] of intervals.entries()) {
      if (i >= j || slotOf[i] !== slotOf[j] || a.first > b.last || b.first > a.last) continue;
      expect(
        at(offsetOf, i) + a.bytes <= at(offsetOf, j) || at(offsetOf, j) + b.bytes <= at(offsetOf, i),
      ).toBe(true);
      expect(a.first === b.last || b.first === a.last || a.first === b.first).toBe(false);
    }
  }
  // The least that any plan needs: the most that lives at one time.
  const load = Array.from({ length: 560 }, (_, t) =>
    intervals.reduce((sum, { bytes, first, last }) => sum + (first <= t && t <= last ? bytes : 0), 0),
  );
  expect(slotBytes.reduce((a, b) => a + b, 0)).toBeLessThan(1.2 * Math.max(...load));
});
