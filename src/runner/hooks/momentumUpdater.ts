import type { ParamGroup } from '../../optim/optimizer.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  createMomentumSchedule,
  describeMomentumSchedule,
  groupMomentum,
  MOMENTUM_POLICY_NAMES,
  type MomentumSchedule,
} from '../../schedules/momentumSchedule.ts';
import type { ScheduleOptions } from '../../schedules/schedule.ts';
import { Tuple } from '../../util/tuple.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';
import { scheduleRunOf, scheduleSources, toConfig } from './scheduleRun.ts';

/**
 * Sets the momentum of every parameter group (of an Adam its first beta) at the start of each epoch and before each
 * iteration. Source: mmcv 1.7.2 `hooks/momentum_updater.py`.
 */
export class MomentumUpdaterHook extends Hook {
  readonly byEpoch: boolean;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #hookName: string;
  readonly #sources: ScheduleOptions;
  #schedule: MomentumSchedule | null = null;
  #bases: number[] = [];
  /** Class name, by which OneCycle's dicts choose. */
  #optimizer = '';

  /**
   * @param config the `momentum_config` dict; borrowed
   * @throws ConfigError for an unknown policy
   */
  constructor(config: Readonly<Record<string, unknown>>) {
    super();
    this.#config = config;
    this.#sources = scheduleSources(config);
    const { className, byEpoch } = describeMomentumSchedule(config, this.#sources);
    this.#hookName = className;
    this.byEpoch = byEpoch;
  }

  override get hookName(): string {
    return this.#hookName;
  }

  override beforeRun(runner: BaseRunner): void {
    if (!runner.optimizer) return;
    const run = scheduleRunOf(runner, 'momentum_config');
    const schedule = createMomentumSchedule(this.#config, run, this.#sources);
    const { paramGroups } = runner.optimizer;
    this.#optimizer = runner.optimizer.constructor.name;
    const start = schedule.initialMomenta(paramGroups.map(groupMomentum), this.#optimizer);
    if (schedule.groupKeys.includes('initial_momentum')) {
      // As with initial_lr: a resumed run finds its base in the optimizer's state.
      for (const [i, group] of paramGroups.entries()) group.initial_momentum ??= start[i];
      this.#bases = paramGroups.map((group) => Number(group.initial_momentum));
    } else {
      // OneCycle begins at its own maximum, whatever the optimizer has.
      this.#bases = start;
      const base = this.#config.base_momentum ?? 0.85;
      for (const [i, group] of paramGroups.entries()) {
        setMomentum(group, start[i]);
        // MMCV leaves these keys in the groups, and so in checkpoints.
        group.base_momentum = Array.isArray(base) ? (base[i] as unknown) : base;
        group.max_momentum = start[i];
      }
    }
    if (schedule.isActive) this.#schedule = schedule;
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
    const momenta = this.#schedule.momentumAt({ epoch, iter, innerIter }, this.#bases, this.#optimizer);
    for (const [i, group] of runner.optimizer.paramGroups.entries()) setMomentum(group, momenta[i]);
  }
}

function setMomentum(group: ParamGroup, momentum: number): void {
  if (group.momentum === undefined && group.betas) group.betas = Tuple.of(momentum, ...group.betas.slice(1));
  else group.momentum = momentum;
}

for (const policy of MOMENTUM_POLICY_NAMES) {
  class PolicyHook extends MomentumUpdaterHook {
    static readonly args = { rest: true };
    constructor(args: Readonly<Record<string, unknown>> = {}) {
      super({ ...toConfig(args), policy });
    }
  }
  HOOKS.registerModule({ name: `${policy}MomentumUpdaterHook` })(PolicyHook);
}
