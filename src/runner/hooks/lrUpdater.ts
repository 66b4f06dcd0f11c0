import {
  createLrSchedule,
  describeLrSchedule,
  LR_POLICY_NAMES,
  type LrSchedule,
} from '../../schedules/lrSchedule.ts';
import type { ScheduleOptions } from '../../schedules/schedule.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';
import { scheduleRunOf, scheduleSources, toConfig } from './scheduleRun.ts';

/**
 * Sets the learning rate of every parameter group, at the start of each epoch and before each iteration.
 * The curve itself is a pure function of the position (`schedules/`), so a resumed run needs no state but
 * each group's `initial_lr`. Source: mmcv 1.7.2 `hooks/lr_updater.py`.
 */
export class LrUpdaterHook extends Hook {
  readonly #config: Readonly<Record<string, unknown>>;
  readonly byEpoch: boolean;
  readonly #hookName: string;
  readonly #sources: ScheduleOptions;
  #schedule: LrSchedule | null = null;
  #baseLrs: number[] = [];
  /** Class name, by which OneCycle's dicts choose. */
  #optimizer = '';

  /** @param config the `lr_config` dict; borrowed. */
  constructor(config: Readonly<Record<string, unknown>>) {
    super();
    this.#config = config;
    this.#sources = scheduleSources(config);
    const { className, byEpoch } = describeLrSchedule(config, this.#sources);
    this.#hookName = className;
    this.byEpoch = byEpoch;
  }

  override get hookName(): string {
    return this.#hookName;
  }

  override beforeRun(runner: BaseRunner): void {
    if (!runner.optimizer) return;
    const schedule = createLrSchedule(this.#config, scheduleRunOf(runner, 'lr_config'), this.#sources);
    if (!schedule.isActive) return;
    // As in MMCV: a group without initial_lr takes its lr for the base, even when it has decayed already.
    const { paramGroups } = runner.optimizer;
    this.#optimizer = runner.optimizer.constructor.name;
    const bases = schedule.initialLrs(
      paramGroups.map((group) => group.lr),
      this.#optimizer,
    );
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
    const lrs = this.#schedule.lrAt({ epoch, iter, innerIter }, this.#baseLrs, this.#optimizer);
    for (const [i, group] of runner.optimizer.paramGroups.entries()) group.lr = lrs[i];
  }
}

// Each policy is a hook of its own for custom_hooks, as in MMCV: dict(type='StepLrUpdaterHook', step=[8, 11]).
for (const policy of LR_POLICY_NAMES) {
  class PolicyHook extends LrUpdaterHook {
    static readonly args = { rest: true };
    constructor(args: Readonly<Record<string, unknown>> = {}) {
      super({ ...toConfig(args), policy });
    }
  }
  HOOKS.registerModule({ name: `${policy}LrUpdaterHook` })(PolicyHook);
}
