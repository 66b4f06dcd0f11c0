// How much memory some values hold on to, estimated by samples: for browsers, which tell no worker how full its heap is.

/** What is looked at of a list, and of all together. */
const SAMPLES = 32;
const MAX_LOOKS = 3000;
const MAX_DEPTH = 5;
/** What V8 needs for them on a 64-bit machine with compressed pointers, about. */
const SLOT_BYTES = 4;
const ENTRY_BYTES = 32;
const OBJECT_BYTES = 16;
/** V8 sets aside room for so many elements at once; a longer list is stored by its keys. */
const MAX_DENSE = 2 ** 25;
/** Objects with more properties than this can't be enumerated. */
const MAX_KEYS = 2 ** 23;
/** A chain is followed this far: about half a second. */
const MAX_LINKS = 2 ** 26;
/** Longer texts are told apart by their lengths only: comparing them would copy them. */
const MAX_COMPARED = 2 ** 16;

/** Samples with more bytes than the others are taken for the only ones of their kind: so many of them. */
const MAX_ODD = 2;

/**
 * Estimate the bytes that values hold: lists, maps, sets, typed arrays, texts, and plain objects, also those that form a chain.
 * What is reached twice counts once; what a closure or a private field holds is not seen, nor what throws when it is looked at.
 */
export function heldBytes(values: readonly unknown[]): number {
  const estimate = new Estimate();
  return values.reduce<number>((sum, value) => sum + estimate.of(value, 0), 0);
}

/** Something that was met, so that it counts once. */
interface Met {
  /** The how-manieth thing it was. */
  readonly order: number;
  /** How many things like it each look stood for then. */
  readonly standsFor: number;
  /** With all that it holds, as far as that was not met before. */
  bytes: number;
}

/** The samples of one list, while they are looked at. */
interface Sampling {
  /** Order of the first thing met in each sample. */
  readonly starts: number[];
  readonly standsFor: number;
  /** What several samples hold. */
  readonly shared: Set<Met>;
}

class Estimate {
  readonly #met = new Map<unknown, Met>();
  /** From the outermost list to the innermost. */
  readonly #samplings: Sampling[] = [];
  #standsFor = 1;
  #looks = 0;

  of(value: unknown, depth: number): number {
    this.#looks += 1;
    if (typeof value === 'string') {
      const key = value.length > MAX_COMPARED ? value.length : value;
      return this.#once(key, () => OBJECT_BYTES + value.length);
    }
    if (typeof value !== 'object' || value === null) return 0;
    return this.#once(value, () => this.#ofNew(value, depth));
  }

  #ofNew(value: object, depth: number): number {
    if (ArrayBuffer.isView(value)) return OBJECT_BYTES + this.of(value.buffer, depth);
    if (value instanceof ArrayBuffer) return value.byteLength;
    if (depth > MAX_DEPTH || this.#looks > MAX_LOOKS) return OBJECT_BYTES;
    if (Array.isArray(value)) return this.#ofList(value, depth);
    // A subclass's own size and values() are code.
    if (value instanceof Map) {
      const size = Number(Reflect.get(Map.prototype, 'size', value));
      const keys = this.#ofSome(size, take(Map.prototype.keys.call(value)), depth);
      return size * ENTRY_BYTES + keys + this.#ofSome(size, take(Map.prototype.values.call(value)), depth);
    }
    if (value instanceof Set) {
      const size = Number(Reflect.get(Set.prototype, 'size', value));
      return size * ENTRY_BYTES + this.#ofSome(size, take(Set.prototype.values.call(value)), depth);
    }
    return this.#ofObject(value, depth);
  }

  /** @returns 0 for what was met before, and for what can't be looked at: a revoked Proxy */
  #once(key: unknown, bytesOf: () => number): number {
    const known = this.#met.get(key);
    if (known) {
      const { order } = known;
      const sampling = this.#samplings.findLast(
        ({ starts }) => order >= (starts[0] ?? Infinity) && order < (starts.at(-1) ?? 0),
      );
      sampling?.shared.add(known);
      return 0;
    }
    const met: Met = { order: this.#met.size, standsFor: this.#standsFor, bytes: 0 };
    this.#met.set(key, met);
    try {
      met.bytes = bytesOf();
    } catch {
      // Whatever a trap of it throws.
    }
    return met.bytes;
  }

  #ofList(list: readonly unknown[], depth: number): number {
    const { length } = list;
    const count = Math.min(SAMPLES, length);
    // From the middle of each part: the first element is often of another kind.
    const places = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * length) / count));
    const filled = places.filter((i) => i in list);
    const share = count === 0 ? 0 : filled.length / count;
    const slots = length <= MAX_DENSE || share === 1 ? length * SLOT_BYTES : length * share * ENTRY_BYTES;
    // Numbers that are not small integers take a double's place.
    const hasDoubles = filled.some((i) => typeof list[i] === 'number' && !isSmallInteger(list[i]));
    const samples = filled.map((i) => list[i]);
    return slots * (hasDoubles ? 2 : 1) + this.#ofSome(Math.round(length * share), samples, depth);
  }

  /** @param samples of `count` values */
  #ofSome(count: number, samples: readonly unknown[], depth: number): number {
    if (samples.length === 0) return 0;
    const around = this.#standsFor;
    this.#standsFor *= Math.max(1, count / samples.length);
    const sampling: Sampling = { starts: [], standsFor: this.#standsFor, shared: new Set() };
    this.#samplings.push(sampling);
    const bytes = samples.map((sample) => {
      sampling.starts.push(this.#met.size);
      return this.of(sample, depth + 1);
    });
    this.#samplings.pop();
    this.#standsFor = around;
    if (count <= samples.length) return sumOf(bytes);
    let once = 0;
    for (const met of sampling.shared) {
      const first = sampling.starts.findLastIndex((start) => start <= met.order);
      const all = Math.min(bytes[first] ?? 0, (met.bytes * met.standsFor) / sampling.standsFor);
      bytes[first] = (bytes[first] ?? 0) - all;
      once += all;
    }
    bytes.sort((a, b) => b - a);
    const [odd, usual] = [bytes.slice(0, MAX_ODD), bytes.slice(MAX_ODD)];
    if (usual.length === 0) return once + sumOf(odd);
    return once + sumOf(odd) + (sumOf(usual) / usual.length) * (count - odd.length);
  }

  #ofObject(value: object, depth: number): number {
    let keys: readonly string[];
    try {
      keys = Object.keys(value);
    } catch {
      return MAX_KEYS * ENTRY_BYTES;
    }
    const step = Math.max(1, Math.floor(keys.length / SAMPLES));
    const samples: unknown[] = [];
    let link: string | null = null;
    for (let i = 0; i < keys.length; i += step) {
      const key = keys[i] ?? '';
      const held = ownValue(value, key);
      samples.push(held);
      if (isLink(value, key, held)) link = key;
    }
    const own = OBJECT_BYTES + keys.length * (keys.length > SAMPLES ? ENTRY_BYTES : SLOT_BYTES);
    if (link === null) return own + this.#ofSome(keys.length, samples, depth);
    const others = samples.filter((held) => held !== ownValue(value, link));
    return linksFrom(value, link) * (own + this.#ofSome(others.length, others, depth));
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function isSmallInteger(value: unknown): boolean {
  return Number.isInteger(value) && Math.abs(value as number) < 2 ** 30;
}

/** What lies there as data: a getter is not asked. */
function ownValue(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
}

/** Whether an object leads to another of its kind: the next one of a list. */
function isLink(value: object, key: string, held: unknown): boolean {
  return (
    typeof held === 'object' &&
    held !== null &&
    Object.getPrototypeOf(held) === Object.getPrototypeOf(value) &&
    !Array.isArray(held) &&
    Object.hasOwn(held, key)
  );
}

/** The length of a chain; of a ring, one time or two around it. */
function linksFrom(start: object, key: string): number {
  let mark: unknown = start;
  let nextMark = 1;
  let at: unknown = start;
  for (let links = 1; links < MAX_LINKS; links++) {
    // Its first link is data, and the others are of its kind.
    at = (at as Record<string, unknown>)[key];
    if (typeof at !== 'object' || at === null || at === mark) return links;
    if (links !== nextMark) continue;
    mark = at;
    nextMark *= 2;
  }
  return MAX_LINKS;
}

function take(values: Iterable<unknown>): unknown[] {
  const first: unknown[] = [];
  for (const value of values) {
    if (first.length >= SAMPLES) break;
    first.push(value);
  }
  return first;
}
