// Targets that the host makes of a batch, as inputs of a step.

import { stepInput, type DType, type HostValues, type Tensor } from '../../gpu/index.ts';
import { at } from '../../util/at.ts';
import { once } from '../../util/once.ts';
import type { AnchorTargets } from './anchorTargets.ts';

/** Targets of all levels. */
export interface BatchTargets {
  readonly levels: readonly AnchorTargets[];
  /** What the losses are divided by: at least one for each picture. */
  readonly numTotalSamples: number;
}

/** The targets of one batch, made once for each batch that a step runs with. */
export class StepTargets<B> {
  readonly #batch: B;
  readonly #make: (batch: B) => BatchTargets;

  /** @param batch what the step's body was called with */
  constructor(batch: B, make: (batch: B) => BatchTargets) {
    this.#batch = batch;
    this.#make = once(make);
  }

  /** float32 scalar. */
  get numTotalSamples(): Tensor {
    return stepInput(this.#batch, (b) => Float32Array.of(this.#make(b).numTotalSamples), []);
  }

  /** The targets of a step's own batch: inside a step input. */
  of(batch: B): BatchTargets {
    return this.#make(batch);
  }

  /** @param pick what becomes of a level's targets, always as many values */
  level(
    i: number,
    pick: (targets: AnchorTargets) => HostValues,
    shape: readonly number[],
    dtype?: DType,
  ): Tensor {
    return stepInput(this.#batch, (b) => pick(at(this.#make(b).levels, i)), shape, dtype);
  }
}
