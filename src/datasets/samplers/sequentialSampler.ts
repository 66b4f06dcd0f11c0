import type { Sampler } from './groupSampler.ts';

/** Takes 0, 1, … n-1, every epoch: for tests and validation. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  indices(): number[] {
    return Array.from({ length: this.length }, (_, i) => i);
  }
}
