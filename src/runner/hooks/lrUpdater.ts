import { ConfigError } from '../../errors/trainerError.ts';
import { createLrSchedule, type LrSchedule } from '../../schedules/lrSchedule.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/**
 * Sets the learning rate of every parameter group, at the start of each epoch and before each iteration.
 * The curve itself is a pure function of the position (`schedules/`), so a resumed run needs no state but
 * each group's `initial_lr`. Source: mmcv 1.7.2 `hooks/lr_updater.py`.
 */
export class LrUpdaterHook extends Hook {
  readonly #config: Readonly<Record<string, unknown>>;
  #schedule: LrSchedule | null = null;
  #baseLrs: number[] = [];

  /** @param config the `lr_config` dict; borrowed. */
  constructor(config: Readonly<Record<string, unknown>>) {
    super();
    this.#config = config;
  }

  override beforeRun(runner: BaseRunner): void {
    if (!runner.optimizer) return;
    // As MMCV does: a group without initial_lr takes its lr for the base, even when it has decayed already.
    for (const group of runner.optimizer.paramGroups) group.initial_lr ??= group.lr;
    this.#baseLrs = runner.optimizer.paramGroups.map((group) => Number(group.initial_lr));
    const maxIters = runner.maxIters;
    if (maxIters === undefined)
      throw new ConfigError('lr_config needs a run of known length', {
        code: 'bad-runner',
        path: 'lr_config',
      });
    this.#schedule = createLrSchedule(this.#config, {
      maxEpochs: runner.maxEpochs,
      maxIters,
      itersPerEpoch: runner.maxEpochs ? Math.round(maxIters / runner.maxEpochs) : maxIters,
      runnerType: runner.maxEpochs === undefined ? 'iter' : 'epoch',
    });
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    this.#apply(runner);
  }

  override beforeTrainIter(runner: BaseRunner): void {
    this.#apply(runner);
  }

  #apply(runner: BaseRunner): void {
    if (!this.#schedule || !runner.optimizer) return;
    const { epoch, iter, innerIter } = runner;
    const lrs = this.#schedule.lrAt({ epoch, iter, innerIter }, this.#baseLrs);
    for (const [i, group] of runner.optimizer.paramGroups.entries()) group.lr = lrs[i];
  }
}
