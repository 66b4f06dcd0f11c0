import type { ParamGroup } from '../../optim/paramGroup.ts';
import type { ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  createMomentumSchedule,
  describeMomentumSchedule,
  groupMomentum,
  MOMENTUM_ARGS,
  MOMENTUM_POLICY_NAMES,
  momentumPolicyArgs,
  type MomentumSchedule,
} from '../../schedules/momentumSchedule.ts';
import type { ScheduleOptions } from '../../schedules/schedule.ts';
import { Tuple } from '../../util/tuple.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook, type HookState } from './hook.ts';
import {
  EpochValues,
  policyConfig,
  scheduleRunOf,
  scheduleSources,
  toConfig,
  withoutWarmup,
  type ScheduleHookOptions,
} from './scheduleRun.ts';
import { ScheduleSetter } from './scheduleSetter.ts';
import { at } from '../../util/at.ts';

/** What every policy takes, beside its own arguments. */
export type MomentumUpdaterArgs = ArgsOf<typeof MOMENTUM_ARGS> & {
  readonly [policyArgument: string]: unknown;
};

/**
 * Sets the momentum of every parameter group (of an Adam its first beta): with `by_epoch` at the start of each epoch and in
 * the iterations of a warm-up, else before each iteration. A policy of one's own extends it and overrides `getMomentum`; `momentum_config = dict(policy='Mine')` finds it as
 * `MineMomentumUpdaterHook`. Source: mmcv 1.7.2 `hooks/momentum_updater.py`.
 */
export class MomentumUpdaterHook extends Hook {
  static readonly args: ArgSpec = MOMENTUM_ARGS;
  readonly byEpoch: boolean;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #hookName: string;
  readonly #sources: ScheduleOptions;
  #setter: ScheduleSetter | null = null;
  /** Its policy's own curve, of which `getMomentum` tells, where a subclass changes that. */
  #plain: MomentumSchedule | null = null;
  readonly #ofEpoch = new EpochValues();
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
    return at(this.#plain.momentumAt({ epoch, iter, innerIter }, [baseMomentum], this.#optimizer), 0);
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
    const optimizer = runner.optimizer.constructor.name;
    this.#optimizer = optimizer;
    const start = schedule.initialMomenta(paramGroups.map(groupMomentum), optimizer);
    let bases = start;
    if (schedule.groupKeys.includes('initial_momentum')) {
      // As with initial_lr: a resumed run finds its base in the optimizer's state.
      for (const [i, group] of paramGroups.entries()) group.initial_momentum ??= start[i];
      bases = paramGroups.map((group) => Number(group.initial_momentum));
    } else {
      // OneCycle begins at its own maximum, whatever the optimizer has.
      for (const [i, group] of paramGroups.entries()) setMomentum(group, at(start, i));
      // MMCV leaves these keys in the groups, and so in checkpoints.
      const entries = Object.entries(schedule.groupEntries(paramGroups.length, optimizer));
      for (const [key, values] of entries)
        for (const [i, value] of values.slice(0, paramGroups.length).entries())
          at(paramGroups, i)[key] = value;
    }
    if (!schedule.isActive) return;
    this.#setter = new ScheduleSetter({
      byEpoch: this.byEpoch,
      warmupEnd: schedule.warmupEnd,
      valuesAt: (position) => schedule.momentumAt(position, bases, optimizer),
      regularAt: (position) => schedule.regularMomentumAt(position, bases, optimizer),
      read: () => paramGroups.map(groupMomentum),
      write: (momenta) => {
        for (const [i, group] of paramGroups.entries()) setMomentum(group, at(momenta, i));
      },
    });
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    this.#setter?.beforeTrainEpoch(runner);
  }

  override beforeTrainIter(runner: BaseRunner): void {
    this.#setter?.beforeTrainIter(runner);
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
}

function setMomentum(group: ParamGroup, momentum: number): void {
  if (group.momentum === undefined && group.betas) group.betas = Tuple.of(momentum, ...group.betas.slice(1));
  else group.momentum = momentum;
}

for (const policy of MOMENTUM_POLICY_NAMES) {
  class PolicyHook extends MomentumUpdaterHook {
    static override readonly args: ArgSpec = momentumPolicyArgs(policy);
    constructor(args: Readonly<Record<string, unknown>> = {}, context?: BuildContext) {
      super(policyConfig(args, policy), { path: context?.path });
    }
  }
  HOOKS.registerModule({ name: `${policy}MomentumUpdaterHook` })(PolicyHook);
}
