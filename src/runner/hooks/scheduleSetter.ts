import type { SchedulePosition } from '../../schedules/schedule.ts';
import type { BaseRunner } from '../baseRunner.ts';

/** What a {@link ScheduleSetter} sets, and where. One value per parameter group. */
export interface ScheduledValues {
  readonly byEpoch: boolean;
  /** The last iteration of the warm-up's values; -1 without a warm-up. */
  readonly warmupEnd: number;
  /** With the warm-up. */
  valuesAt(position: SchedulePosition): readonly number[];
  /** Without it. */
  regularAt(position: SchedulePosition): readonly number[];
  /** What the groups have now. */
  read(): readonly number[];
  write(values: readonly number[]): void;
}

/**
 * Sets learning rates or momenta when MMCV does, and at no other time: what other hooks set in between stays.
 *
 *     by_epoch:  before an epoch the regular values; before iteration i those of the warm-up while i < warmup_iters,
 *                the regular ones where i = warmup_iters, behind it nothing
 *     else:      before every iteration
 *
 * Source: mmcv 1.7.2 `hooks/lr_updater.py`, `hooks/momentum_updater.py`.
 */
export class ScheduleSetter {
  readonly #values: ScheduledValues;
  /** In a run resumed inside an epoch: what the checkpoint's groups have. */
  #kept: readonly number[] | null = null;

  constructor(values: ScheduledValues) {
    this.#values = values;
  }

  beforeTrainEpoch(runner: BaseRunner): void {
    const { byEpoch, read, regularAt, write } = this.#values;
    if (!byEpoch) return;
    // Hooks that change them where the epoch begins do so again, from the same values as then. What was changed
    // inside the epoch comes back with the first iteration.
    if (runner.doneInEpoch > 0) this.#kept = read();
    write(regularAt(positionOf(runner)));
  }

  beforeTrainIter(runner: BaseRunner): void {
    const { byEpoch, valuesAt, warmupEnd, write } = this.#values;
    const kept = this.#kept;
    this.#kept = null;
    if (!byEpoch || runner.iter <= warmupEnd) write(valuesAt(positionOf(runner)));
    else if (kept) write(kept);
  }
}

function positionOf({ epoch, iter, doneInEpoch: innerIter }: BaseRunner): SchedulePosition {
  return { epoch, iter, innerIter };
}
