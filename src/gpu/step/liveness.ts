import { at as itemAt } from '../../util/at.ts';
// Where the tensors inside a step live: tensors that are never needed at the same time share memory.

/** A tensor that exists only inside the step. */
export interface Interval {
  readonly bytes: number;
  /** Index of the first dispatch that touches it. */
  readonly first: number;
  /** Index of the last dispatch that does; the number of dispatches for one that is needed afterwards. */
  readonly last: number;
  /** Indices of the dispatches that read it, in order. */
  readonly reads: readonly number[];
  /** Indices of the dispatches that write it, in order. */
  readonly writes: readonly number[];
}

export interface SlotPlan {
  /** Slot of each interval, in the given order. */
  readonly slotOf: readonly number[];
  /** Where each interval begins in its slot, in bytes: a multiple of 256. */
  readonly offsetOf: readonly number[];
  /** Bytes of each slot, the largest first. */
  readonly slotBytes: readonly number[];
}

interface Placed {
  readonly interval: Interval;
  readonly offset: number;
}

// What every device takes as an offset into a storage buffer.
const ALIGNMENT = 256;

/**
 * Assign intervals to slots (buffers), the largest first, each to the gap that it fills best. A slot is as large as its
 * largest tensor; smaller ones lie side by side in it. WebGPU forbids a dispatch to write one part of a buffer and to
 * touch another: tensors that this would happen to never share a slot.
 *
 * Source of the heuristic: Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", 5.3
 * (greedy by size), with the offsets of 6 inside each slot.
 */
export function planSlots(intervals: readonly Interval[]): SlotPlan {
  const order = intervals
    .map((_, i) => i)
    .sort((a, b) => itemAt(intervals, b).bytes - itemAt(intervals, a).bytes || a - b);
  const slots: { readonly bytes: number; readonly members: Placed[] }[] = [];
  const slotOf = new Array<number>(intervals.length).fill(-1);
  const offsetOf = new Array<number>(intervals.length).fill(0);
  for (const i of order) {
    const interval = itemAt(intervals, i);
    let best: { slot: number; offset: number; left: number } | null = null;
    // The later slots are the smaller ones.
    for (let slot = slots.length - 1; slot >= 0 && best?.left !== 0; slot -= 1) {
      const gap = tightestGap(interval, itemAt(slots, slot).bytes, itemAt(slots, slot).members);
      if (gap && (!best || gap.left < best.left)) best = { slot, ...gap };
    }
    best ??= { slot: slots.push({ bytes: interval.bytes, members: [] }) - 1, offset: 0, left: 0 };
    itemAt(slots, best.slot).members.push({ interval, offset: best.offset });
    slotOf[i] = best.slot;
    offsetOf[i] = best.offset;
  }
  return { slotOf, offsetOf, slotBytes: slots.map(({ bytes }) => bytes) };
}

/** The smallest free range that takes the interval, among tensors of its time; null where none does. */
function tightestGap(
  interval: Interval,
  slotBytes: number,
  members: readonly Placed[],
): { offset: number; left: number } | null {
  const neighbours: Placed[] = [];
  for (const member of members) {
    if (!overlaps(interval, member.interval)) continue;
    if (clashes(interval, member.interval)) return null;
    neighbours.push(member);
  }
  neighbours.sort((a, b) => a.offset - b.offset);
  let best: { offset: number; left: number } | null = null;
  let offset = 0;
  const consider = (end: number): void => {
    const left = end - offset - interval.bytes;
    if (left >= 0 && (!best || left < best.left)) best = { offset, left };
  };
  for (const { interval: other, offset: start } of neighbours) {
    consider(start);
    offset = Math.max(offset, Math.ceil((start + other.bytes) / ALIGNMENT) * ALIGNMENT);
  }
  consider(slotBytes);
  return best;
}

function overlaps(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** Whether a dispatch writes the one and touches the other. */
function clashes(a: Interval, b: Interval): boolean {
  return (
    a.writes.some((at) => b.reads.includes(at) || b.writes.includes(at)) ||
    b.writes.some((at) => a.reads.includes(at))
  );
}
