// What a policy is to the rest: a pure function from a place in the run to one value per parameter group.

/** A place in the run, in the unit the policy counts in. */
export interface SchedulePoint {
  /** Epochs (`by_epoch`) or iterations done, from 0. */
  readonly progress: number;
  /** Epochs or iterations of the whole run. */
  readonly maxProgress: number;
  readonly itersPerEpoch: number;
  /** Iterations that the warm-up lasts, 0 without one. */
  readonly warmupIters: number;
}

/** A curve of one group: its value at a point, from its base value. */
export type Curve = (base: number, point: SchedulePoint) => number;

export interface Policy {
  /** The regular values (no warm-up) of all groups. */
  values(bases: readonly number[], point: SchedulePoint, optimizer: string): number[];
  /** Base values that the policy brings along instead of the optimizer's; absent: the optimizer's are used. */
  ownBases?(groups: number, optimizer: string): number[];
  /** What it leaves in the parameter groups, by key, one value per group; absent: nothing of its own. */
  groupEntries?(groups: number, optimizer: string): Readonly<Record<string, readonly number[]>>;
  /** True when the warm-up is YOLOX's square, on the base value. */
  readonly squareWarmup?: boolean;
}

/** A policy that treats every group alike. */
export function fromCurve(curve: Curve): Policy {
  return { values: (bases, point) => bases.map((base) => curve(base, point)) };
}
