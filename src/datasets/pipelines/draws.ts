// What NumPy's random functions draw, from a sample's own random numbers.

import type { Rng } from '../../util/prng.ts';

/** `numpy.random.uniform(low, high)`; with one argument NumPy draws between it and 1. */
export function uniform(rng: Rng, low: number, high = 1): number {
  return low + (high - low) * rng.uniform();
}

/** `numpy.random.randint(2)` as a coin. */
export function coin(rng: Rng): boolean {
  return rng.integer(2) === 1;
}
