// Where the tensors inside a step live: tensors that are never needed at the same time share a slot.

/** A tensor that exists only inside the step. */
export interface Interval {
  readonly bytes: number;
  /** Index of the first dispatch that touches it. */
  readonly first: number;
  /** Index of the last dispatch that does; the number of dispatches for one that is needed afterwards. */
  readonly last: number;
}

export interface SlotPlan {
  /** Slot of each interval, in the given order. */
  readonly slotOf: readonly number[];
  /** Bytes of each slot, the largest first. */
  readonly slotBytes: readonly number[];
}

/**
 * Assign intervals to slots so that no two in one slot overlap in time, the largest first, each to the tightest slot
 * that is free. A slot is as large as its largest tensor.
 *
 * Source of the heuristic: Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", 5.3
 * (greedy by size).
 */
export function planSlots(intervals: readonly Interval[]): SlotPlan {
  const order = intervals.map((_, i) => i).sort((a, b) => intervals[b].bytes - intervals[a].bytes || a - b);
  const slots: { bytes: number; members: Interval[] }[] = [];
  const slotOf = new Array<number>(intervals.length).fill(-1);
  for (const i of order) {
    const interval = intervals[i];
    // Sizes fall, so every slot is large enough; the last one that is free is the smallest.
    let slot = slots.length - 1;
    while (slot >= 0 && slots[slot].members.some((other) => overlaps(interval, other))) slot -= 1;
    if (slot < 0) slot = slots.push({ bytes: interval.bytes, members: [] }) - 1;
    slots[slot].members.push(interval);
    slotOf[i] = slot;
  }
  return { slotOf, slotBytes: slots.map(({ bytes }) => bytes) };
}

function overlaps(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}
