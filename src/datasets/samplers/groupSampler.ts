import { Rng } from '../../util/prng.ts';
import { at } from '../../util/at.ts';

/** Which samples an epoch takes, in order: a pure function of the epoch. */
export interface Sampler {
  /** Number of samples of an epoch. */
  readonly length: number;
  indices(epoch: number): number[];
}

export interface GroupSamplerOptions {
  /** uint8 [N]: the group of each sample; 1 where the picture is wider than high. */
  readonly flag: Uint8Array;
  readonly samplesPerGpu: number;
  readonly seed: number;
}

/**
 * Shuffles so that every batch holds pictures of one group only; the last batch of a group is filled with
 * samples of the group drawn again. Source: mmdet 2.28.2 `GroupSampler`.
 * Differs: own random numbers, from (seed, epoch); NumPy's order for a seed is another one.
 * @example new GroupSampler({ flag: Uint8Array.of(1, 1, 1), samplesPerGpu: 2, seed: 0 }).length // 4
 */
export class GroupSampler implements Sampler {
  readonly length: number;
  readonly #groups: readonly number[][];
  readonly #samplesPerGpu: number;
  readonly #seed: number;

  constructor({ flag, samplesPerGpu, seed }: GroupSamplerOptions) {
    const groups: number[][] = [];
    flag.forEach((group, index) => (groups[group] ??= []).push(index));
    this.#groups = groups.filter((group) => group.length > 0);
    this.#samplesPerGpu = samplesPerGpu;
    this.#seed = seed;
    this.length = this.#groups.reduce((n, g) => n + Math.ceil(g.length / samplesPerGpu) * samplesPerGpu, 0);
  }

  indices(epoch: number): number[] {
    const rng = Rng.derive(this.#seed, epoch, SAMPLER_STREAM);
    const size = this.#samplesPerGpu;
    const drawn: number[] = [];
    for (const group of this.#groups) {
      const order = rng.permutation(group.length);
      for (const i of order) drawn.push(at(group, i));
      const missing = Math.ceil(group.length / size) * size - group.length;
      for (let i = 0; i < missing; i++) drawn.push(at(group, rng.integer(group.length)));
    }
    const batches = rng.permutation(drawn.length / size);
    return [...batches].flatMap((batch) => drawn.slice(batch * size, (batch + 1) * size));
  }
}

/** Keeps the sampler's random numbers apart from every sample's (seed, epoch, index). */
const SAMPLER_STREAM = 0xffffffff;
