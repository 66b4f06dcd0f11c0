import { i32At, u32At } from './at.ts';

/** The whole state of an {@link Rng}: plain numbers, so that a checkpoint can hold it. */
export type RngState = readonly [number, number, number, number];

/**
 * Deterministic random numbers: xoshiro128** seeded through splitmix32.
 * Source: Blackman & Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.
 * Differs: NumPy and PyTorch use MT19937, so the same seed gives other numbers there.
 */
export class Rng {
  #s: Uint32Array;

  /** @param seed any integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.#s = new Uint32Array(4);
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      this.#s[i] = (t ^ (t >>> 15)) >>> 0;
    }
  }

  /** Derive a generator from a list of integers, such as (seed, epoch, index). Order matters. */
  static derive(...keys: number[]): Rng {
    let h = 0x811c9dc5;
    for (const key of keys) {
      h = Math.imul(h ^ (key >>> 0), 0x01000193);
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
      h ^= h >>> 12;
    }
    return new Rng(h);
  }

  get state(): RngState {
    const s = this.#s;
    return [u32At(s, 0), u32At(s, 1), u32At(s, 2), u32At(s, 3)];
  }

  set state(state: RngState) {
    this.#s.set(state);
  }

  /** @returns an integer in [0, 2^32). */
  nextUint32(): number {
    const s = this.#s;
    const x = Math.imul(u32At(s, 1), 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = u32At(s, 1) << 9;
    s[2] = u32At(s, 2) ^ u32At(s, 0);
    s[3] = u32At(s, 3) ^ u32At(s, 1);
    s[1] = u32At(s, 1) ^ u32At(s, 2);
    s[0] = u32At(s, 0) ^ u32At(s, 3);
    s[2] = u32At(s, 2) ^ t;
    s[3] = (u32At(s, 3) << 11) | (u32At(s, 3) >>> 21);
    return result;
  }

  /** @returns a float64 in [0, 1) with 53 random bits. */
  uniform(): number {
    return ((this.nextUint32() >>> 5) * 67108864 + (this.nextUint32() >>> 6)) / 9007199254740992;
  }

  /** @returns an integer in [0, n); n in [1, 2^32]. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** @returns a standard normal value (Box-Muller, one of the pair). */
  normal(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** @returns a random order of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = i32At(order, i);
      order[i] = i32At(order, j);
      order[j] = held;
    }
    return order;
  }
}
