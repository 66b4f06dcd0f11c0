// Watches a person's modules while they run: code that never gives the thread back, or allocates without end, is named by its
// line. The compiler puts a counter into every loop and function (insertGuards.ts); once in so many passes it looks here.

import { pointSpan } from '../errors/span.ts';
import { UserCodeError } from '../errors/trainerError.ts';
import { readHeap, roomInPage, type HeapUse } from './heapUse.ts';
import { heldBytes } from './heldBytes.ts';

/** What the compiled code calls {@link ModuleGuard.look}, bound to the module's path. */
export const GUARD = '$tabtrainGuard';
/** What it calls the passes that are left until then. */
export const PASSES = '$tabtrainPasses';

/** A value, or what gives it, and the names that lead on from there: `[a, 'b', 'c']`. */
type Way = readonly [unknown, ...string[]];

/**
 * @param values what may grow there
 * @param asked the same, to be asked for; may fail
 * @returns after how many passes to look again
 */
export type Look = (line: number, column: number, values?: readonly Way[], asked?: readonly Way[]) => number;

/** Where a module is, and for how long it hasn't given the thread back. */
export interface BusyModule {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly seconds: number;
}

export interface GuardPolicy {
  /** Seconds without giving the thread back after which the code throws `endless-loop`; Infinity: never. */
  readonly limitS: number;
  /** Hears of a module that has been busy for a second, and then each second. */
  readonly onBusy?: (busy: BusyModule) => void;
  /** Hears where a module gets the thread; for planning only, which rarely gives it back. */
  readonly onEnter?: (busy: BusyModule) => void;
  /**
   * Bytes that may be allocated without giving the thread back. Default: half of what is free; where nobody tells, an eighth
   * of the machine's memory, and 1 GB at most.
   */
  readonly roomBytes?: number;
}

/** For modules that are imported and built: long enough for tables, short enough for a person who waits. */
export const PLANNING_POLICY: GuardPolicy = { limitS: 5 };
/** For a run without anybody who could press Stop. */
export const UNATTENDED_POLICY: GuardPolicy = { limitS: 9 };

/** At most so many passes between two looks: with 10 ms a pass it still looks every few seconds. */
const MAX_PASSES = 512;
/** Looks should be about this far apart. */
const LOOK_MS = 2;
/** More between two looks was not all spent in the module: our own work lies between two of its functions. */
const MAX_GAP_MS = 250;
const BUSY_STEP_MS = 1000;
const HEAP_STEP_MS = 50;
/** Looking at what modules hold may take this part of their time. */
const HEAP_SHARE = 1 / 5;

/** One for the modules of a run. */
export class ModuleGuard {
  policy: GuardPolicy = PLANNING_POLICY;
  /** What it threw first: kept, because a module may have caught it. */
  tripped: UserCodeError | null = null;
  /** The thread has not been given back since the first look of this stretch. */
  #isInStretch = false;
  #lastLook = 0;
  /** Spent in modules in this stretch. */
  #spentMs = 0;
  #nextBusyMs = BUSY_STEP_MS;
  #nextHeapMs = HEAP_STEP_MS;
  #heapAtStart: HeapUse | null = null;
  /** Of each place that was asked in this stretch: the bytes that it held first. */
  readonly #heldAtStart = new Map<string, number>();
  #passes = 1;
  #looks = 0;
  /** Looks at values, whose getters may run code of the module. */
  #isLooking = false;
  readonly #readHeap: () => HeapUse | null;

  /** @param read how full the heap is; null where nobody tells */
  constructor(read: () => HeapUse | null = readHeap) {
    this.#readHeap = read;
  }

  /** The function that the code of a module calls. */
  lookFor(path: string): Look {
    return (line, column, values = [], asked = []) => this.#look(path, line, column, { values, asked });
  }

  /** The module's own top level begins. */
  enter(path: string): void {
    this.policy.onEnter?.({ file: path, line: 1, column: 1, seconds: 0 });
  }

  /** @throws what was thrown in a module and caught there */
  throwTripped(): void {
    if (this.tripped) throw this.tripped;
  }

  #look(file: string, line: number, column: number, grown: Grown): number {
    if (this.#isLooking) return MAX_PASSES;
    // Not always after the same number of passes: where two guards take turns both are to be heard.
    this.#looks = (this.#looks + 1) % 3;
    return Math.max(0, this.#lookNow(file, line, column, grown) - this.#looks);
  }

  #lookNow(file: string, line: number, column: number, grown: Grown): number {
    const now = performance.now();
    if (!this.#isInStretch) {
      this.#begin(now);
      this.policy.onEnter?.({ file, line, column, seconds: 0 });
      return this.#passes;
    }
    const gap = now - this.#lastLook;
    this.#lastLook = now;
    this.#spentMs += Math.min(gap, MAX_GAP_MS);
    if (gap > LOOK_MS) this.#passes = Math.max(1, Math.floor((this.#passes * LOOK_MS) / gap));
    else this.#passes = Math.min(MAX_PASSES, this.#passes * 2);
    this.#judge(file, line, column, grown);
    return this.#passes;
  }

  #begin(now: number): void {
    this.#isInStretch = true;
    this.#lastLook = now;
    this.#spentMs = 0;
    this.#nextBusyMs = BUSY_STEP_MS;
    this.#nextHeapMs = HEAP_STEP_MS;
    this.#heapAtStart = null;
    this.#heldAtStart.clear();
    this.#passes = 1;
    // A task of its own, not a microtask: promises that follow each other without end don't give the thread back either.
    afterTask(() => (this.#isInStretch = false));
  }

  #judge(file: string, line: number, column: number, grown: Grown): void {
    const { limitS, onBusy } = this.policy;
    const seconds = this.#spentMs / 1000;
    if (this.#spentMs >= this.#nextBusyMs) {
      this.#nextBusyMs = this.#spentMs + BUSY_STEP_MS;
      onBusy?.({ file, line, column, seconds: Math.round(seconds) });
    }
    if (seconds >= limitS)
      this.#trip(
        new UserCodeError(`the code must come to an end, but has run for ${limitS} s without a pause`, {
          code: 'endless-loop',
          span: pointSpan(file, line, column),
          hint: 'an endless loop? Long work may pause: await new Promise((done) => setTimeout(done))',
        }),
      );
    if (this.#spentMs >= this.#nextHeapMs) {
      const start = performance.now();
      this.#judgeHeap(file, line, column, grown);
      const lookedMs = performance.now() - start;
      this.#nextHeapMs = this.#spentMs + Math.max(HEAP_STEP_MS, lookedMs / HEAP_SHARE);
      this.#lastLook += lookedMs;
    }
  }

  #judgeHeap(file: string, line: number, column: number, grown: Grown): void {
    const heap = this.#readHeap();
    const { grownBytes, roomBytes } = heap
      ? this.#heapGrowth(heap)
      : { grownBytes: this.#heldGrowth(`${file}:${line}:${column}`, grown), roomBytes: roomInPage() };
    if (grownBytes < (this.policy.roomBytes ?? roomBytes)) return;
    const megabytes = Math.round(grownBytes / 2 ** 20);
    this.#trip(
      new UserCodeError(`the code must fit into memory, but has allocated ${megabytes} MB without a pause`, {
        code: 'endless-allocation',
        span: pointSpan(file, line, column),
        hint: 'a list that grows without end?',
      }),
    );
  }

  #heapGrowth(heap: HeapUse): { readonly grownBytes: number; readonly roomBytes: number } {
    this.#heapAtStart ??= heap;
    const { usedBytes } = this.#heapAtStart;
    return { grownBytes: heap.usedBytes - usedBytes, roomBytes: (heap.limitBytes - usedBytes) / 2 };
  }

  /** By how much what may grow at a place has grown since it was first asked. */
  #heldGrowth(place: string, { values, asked }: Grown): number {
    this.#isLooking = true;
    try {
      const held = heldBytes([...values.map(([value, ...names]) => follow(value, names)), ...asked.map(ask)]);
      const before = this.#heldAtStart.get(place) ?? held;
      this.#heldAtStart.set(place, before);
      return held - before;
    } finally {
      this.#isLooking = false;
    }
  }

  #trip(error: UserCodeError): never {
    this.tripped ??= error;
    // Caught by the module's own code, it throws again at the next pass.
    this.#passes = 1;
    throw error;
  }
}

interface Grown {
  readonly values: readonly Way[];
  readonly asked: readonly Way[];
}

/** @returns undefined for what can't be asked for now: a variable that isn't set yet, a private field of a half-made object */
function ask([get, ...names]: Way): unknown {
  try {
    return follow((get as () => unknown)(), names);
  } catch {
    return undefined;
  }
}

/** Go on by names, as far as they lead to data: a getter is not asked. */
function follow(value: unknown, names: readonly string[]): unknown {
  let at = value;
  for (const name of names) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.getOwnPropertyDescriptor(at, name)?.value as unknown;
  }
  return at;
}

/** Call back in a task of the event loop. */
function afterTask(callback: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(null);
}
