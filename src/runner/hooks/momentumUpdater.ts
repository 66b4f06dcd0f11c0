import type { ParamGroup } from '../../optim/optimizer.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
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
import { Hook, type HookState } from './hook.ts';
import {
  EpochValues,
  policyConfig,
  SCHEDULE_ARGS,
  scheduleRunOf,
  scheduleSources,
  toConfig,
  withoutWarmup,
  type ScheduleHookOptions,
} from './scheduleRun.ts';

/** Arguments of every policy. */
export interface MomentumUpdaterArgs {
  /** Default true. */
  byEpoch?: boolean;
  warmup?: 'constant' | 'linear' | 'exp' | null;
  warmupIters?: number;
  /** Default 0.9. */
  warmupRatio?: number;
  [policyArgument: string]: unknown;
}

/**
 * Sets the momentum of every parameter group (of an Adam its first beta) at the start of each epoch and before each
 * iteration. A policy of one's own extends it and overrides `getMomentum`; `momentum_config = dict(policy='Mine')` finds it as
 * `MineMomentumUpdaterHook`. Source: mmcv 1.7.2 `hooks/momentum_updater.py`.
 */
export class MomentumUpdaterHook extends Hook {
  static readonly args: ArgSpec = { optional: SCHEDULE_ARGS };
  readonly byEpoch: boolean;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #hookName: string;
  readonly #sources: ScheduleOptions;
  #schedule: MomentumSchedule | null = null;
  /** Its policy's own curve, of which `getMomentum` tells, where a subclass changes that. */
  #plain: MomentumSchedule | null = null;
  readonly #ofEpoch = new EpochValues();
  #bases: number[] = [];
  /** Class name, by which OneCycle's dicts choose. */
  #optimizer = '';

  /**
   * @param config the `momentum_config` dict, or its arguments in camelCase; borrowed
   * @param options.path where it stands in the config; default `momentum_config`
   * @throws ConfigError for an unknown policy
   */
  constructor(config: Readonly<Record<string, unknown>> = {}, options: ScheduleHookOptions = {}) {
    super();
    this.#config = toConfig(config);
    this.#sources = scheduleSources(this.#config, options);
    const { className, byEpoch } = describeMomentumSchedule(this.#config, this.#sources, this.#ownClass);
    this.#hookName = className;
    this.byEpoch = byEpoch;
  }

  override get hookName(): string {
    return this.#hookName;
  }

  /**
   * The regular momentum of a group, without the warm-up: MMCV's `get_momentum`. With `by_epoch` it is asked at the start of each
   * epoch, else before each iteration.
   * @param runner tells `epoch`, `iter`, `maxEpochs`, `maxIters`
   * @param baseMomentum the group's `initial_momentum`
   */
  getMomentum(runner: BaseRunner, baseMomentum: number): number {
    if (!this.#plain) return baseMomentum;
    const { epoch, iter, doneInEpoch: innerIter } = runner;
    return this.#plain.momentumAt({ epoch, iter, innerIter }, [baseMomentum], this.#optimizer)[0];
  }

  override beforeRun(runner: BaseRunner): void {
    if (!runner.optimizer) return;
    const run = scheduleRunOf(runner, 'momentum_config');
    const className = this.#ownClass;
    const own =
      className === undefined
        ? undefined
        : {
            className,
            values: (bases: readonly number[]) =>
              this.#ofEpoch.get(runner, this.byEpoch, () =>
                bases.map((base) => this.getMomentum(runner, base)),
              ),
          };
    const schedule = createMomentumSchedule(this.#config, run, this.#sources, own);
    if (own && this.#config.policy !== undefined)
      this.#plain = createMomentumSchedule(withoutWarmup(this.#config), run, this.#sources);
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

  override stateDict(): HookState | undefined {
    return this.#ofEpoch.stateDict();
  }

  override loadStateDict(state: HookState): void {
    this.#ofEpoch.loadStateDict(state);
  }

  /** The class that overrides `getMomentum`; undefined for a policy of ours. */
  get #ownClass(): string | undefined {
    return this.getMomentum === MomentumUpdaterHook.prototype.getMomentum ? undefined : this.constructor.name;
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
    static override readonly args = { rest: true };
    constructor(args: Readonly<Record<string, unknown>> = {}, context?: BuildContext) {
      super(policyConfig(args, policy), { path: context?.path });
    }
  }
  HOOKS.registerModule({ name: `${policy}MomentumUpdaterHook` })(PolicyHook);
}
