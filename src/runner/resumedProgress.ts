// Where a run goes on whose epochs have another number of iterations than those of the run that wrote the checkpoint.

import type { RunPosition } from './runnerTypes.ts';

/**
 * Iterations of an epoch of the run that wrote a checkpoint.
 * @param saved what the checkpoint itself says; null: judged by iterations and epochs
 * @returns null where that can't be told
 */
export function savedItersPerEpoch(
  { epoch, iter, innerIter }: RunPosition,
  saved: number | null,
): number | null {
  if (saved !== null) return saved;
  const perEpoch = epoch > 0 ? (iter - innerIter) / epoch : 0;
  return Number.isInteger(perEpoch) && perEpoch > 0 ? perEpoch : null;
}

/**
 * The same progress, counted in epochs, in iterations of this run.
 * @param before iterations of an epoch then
 * @param now iterations of an epoch now
 * @example rescalePosition({ epoch: 1, iter: 8, innerIter: 0 }, 8, 2) // { epoch: 1, iter: 2, innerIter: 0 }
 * Source: mmcv 1.7.2 `epoch_based_runner.py` resume does so for another number of GPUs.
 */
export function rescalePosition({ epoch, innerIter }: RunPosition, before: number, now: number): RunPosition {
  const inner = Math.floor((innerIter * now) / before);
  return { epoch, iter: epoch * now + inner, innerIter: inner };
}
