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

/**
 * Estimate the bytes that values hold: lists, maps, sets, typed arrays, texts, and plain objects, also those that form a chain.
 * What is reached twice counts once; what a closure or a private field holds is not seen.
 */
export function heldBytes(values: readonly unknown[]): number {
  const estimate = new Estimate();
  return values.reduce<number>((sum, value) => sum + estimate.of(value, 0), 0);
}

class Estimate {
  readonly #seen = new Set<unknown>();
  #looks = 0;

  of(value: unknown, depth: number): number {
    this.#looks += 1;
    if (typeof value === 'string') {
      const key = value.length > MAX_COMPARED ? value.length : value;
      return this.#isNew(key) ? OBJECT_BYTES + value.length : 0;
    }
    if (typeof value !== 'object' || value === null) return 0;
    if (!this.#isNew(value)) return 0;
    if (ArrayBuffer.isView(value)) return OBJECT_BYTES + this.of(value.buffer, depth);
    if (value instanceof ArrayBuffer) return value.byteLength;
    if (depth > MAX_DEPTH || this.#looks > MAX_LOOKS) return OBJECT_BYTES;
    if (Array.isArray(value)) return this.#ofList(value, depth);
    if (value instanceof Map)
      return (
        value.size * ENTRY_BYTES +
        this.#ofSome(value.size, take(value.values()), depth) +
        this.#ofSome(value.size, take(value.keys()), depth)
      );
    if (value instanceof Set)
      return value.size * ENTRY_BYTES + this.#ofSome(value.size, take(value.values()), depth);
    return this.#ofObject(value, depth);
  }

  #isNew(value: unknown): boolean {
    if (this.#seen.has(value)) return false;
    this.#seen.add(value);
    return true;
  }

  #ofList(list: readonly unknown[], depth: number): number {
    const { length } = list;
    const count = Math.min(SAMPLES, length);
    const places = Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
    const filled = places.filter((i) => i in list);
    const slots = length <= MAX_DENSE || filled.length > 0 ? length * SLOT_BYTES : 0;
    // Numbers that are not small integers take a double's place.
    const hasDoubles = filled.some((i) => typeof list[i] === 'number' && !isSmallInteger(list[i]));
    return (
      slots * (hasDoubles ? 2 : 1) +
      this.#ofSome(
        length,
        filled.map((i) => list[i]),
        depth,
      )
    );
  }

  /** @param samples of `count` values */
  #ofSome(count: number, samples: readonly unknown[], depth: number): number {
    let sum = 0;
    let repeated = 0;
    for (const sample of samples) {
      const bytes = this.of(sample, depth + 1);
      sum += bytes;
      if (bytes === 0 && typeof sample !== 'number') repeated += 1;
    }
    // One value in many places is held once.
    const areMostlyShared = repeated > samples.length / 2;
    return areMostlyShared || samples.length === 0 ? sum : (sum / samples.length) * count;
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
