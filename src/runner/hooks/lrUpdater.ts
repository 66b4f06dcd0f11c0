import { ConfigError } from '../../errors/trainerError.ts';
import { sourceOf } from '../../lang/sourceMap.ts';
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
    const maxIters = runner.maxIters;
    if (maxIters === undefined)
      throw new ConfigError('lr_config needs a run of known length', {
        code: 'bad-runner',
        path: 'lr_config',
      });
    const schedule = createLrSchedule(
      this.#config,
      {
        maxEpochs: runner.maxEpochs,
        maxIters,
        itersPerEpoch: runner.maxEpochs ? Math.round(maxIters / runner.maxEpochs) : maxIters,
        runnerType: runner.maxEpochs === undefined ? 'iter' : 'epoch',
      },
      {
        isFloat: (key) => sourceOf(this.#config, key)?.isFloat ?? false,
        spanOf: (key) => sourceOf(this.#config, key)?.span,
      },
    );
    if (!schedule.isActive) return;
    // As in MMCV: a group without initial_lr takes its lr for the base, even when it has decayed already.
    const { paramGroups } = runner.optimizer;
    const bases = schedule.initialLrs(paramGroups.map((group) => group.lr));
    for (const [i, group] of paramGroups.entries()) group.initial_lr ??= bases[i];
    this.#baseLrs = paramGroups.map((group) => Number(group.initial_lr));
    this.#schedule = schedule;
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    this.#apply(runner);
  }

  override beforeTrainIter(runner: BaseRunner): void {
    this.#apply(runner);
  }

  #apply(runner: BaseRunner): void {
    if (!this.#schedule || !runner.optimizer) return;
    const { epoch, iter, doneInEpoch: innerIter } = runner;
    const lrs = this.#schedule.lrAt({ epoch, iter, innerIter }, this.#baseLrs);
    for (const [i, group] of runner.optimizer.paramGroups.entries()) group.lr = lrs[i];
  }
}
