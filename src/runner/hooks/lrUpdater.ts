import type { ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  createLrSchedule,
  describeLrSchedule,
  LR_ARGS,
  LR_POLICY_NAMES,
  lrPolicyArgs,
  type LrSchedule,
} from '../../schedules/lrSchedule.ts';
import type { ScheduleOptions } from '../../schedules/schedule.ts';
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
export type LrUpdaterArgs = ArgsOf<typeof LR_ARGS> & { readonly [policyArgument: string]: unknown };

/**
 * Sets the learning rate of every parameter group: with `by_epoch` at the start of each epoch and in the iterations of a
 * warm-up, else before each iteration.
 * The curve itself is a pure function of the position (`schedules/`), so a resumed run needs no state but
 * each group's `initial_lr`. A policy of one's own extends it and overrides `getLr`; `lr_config = dict(policy='Mine')` finds
 * it as `MineLrUpdaterHook`.
 * Source: mmcv 1.7.2 `hooks/lr_updater.py`.
 *
 * @example
 * class MineLrUpdaterHook extends LrUpdaterHook {
 *   readonly power: number;
 *   constructor({ power = 1, ...args }: { power?: number } & LrUpdaterArgs) {
 *     super(args);
 *     this.power = power;
 *   }
 *   override getLr(runner: Runner, baseLr: number): number {
 *     return baseLr * (1 - runner.epoch / (runner.maxEpochs ?? 1)) ** this.power;
 *   }
 * }
 */
export class LrUpdaterHook extends Hook {
  static readonly args: ArgSpec = LR_ARGS;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly byEpoch: boolean;
  readonly #hookName: string;
  readonly #sources: ScheduleOptions;
  #setter: ScheduleSetter | null = null;
  /** Its policy's own curve, of which `getLr` tells, where a subclass changes that. */
  #plain: LrSchedule | null = null;
  readonly #ofEpoch = new EpochValues();
  /** Class name, by which OneCycle's dicts choose. */
  #optimizer = '';

  /**
   * @param config the `lr_config` dict, or its arguments in camelCase; borrowed
   * @param options.path where it stands in the config; default `lr_config`
   */
  constructor(config: Readonly<Record<string, unknown>> = {}, options: ScheduleHookOptions = {}) {
    super();
    this.#config = toConfig(config);
    this.#sources = scheduleSources(this.#config, options);
    const { className, byEpoch } = describeLrSchedule(this.#config, this.#sources, this.#ownClass);
    this.#hookName = className;
    this.byEpoch = byEpoch;
  }

  override get hookName(): string {
    return this.#hookName;
  }

  /**
   * The regular learning rate of a group, without the warm-up: MMCV's `get_lr`. With `by_epoch` it is asked at the start of each
   * epoch, else before each iteration.
   * @param runner tells `epoch`, `iter`, `maxEpochs`, `maxIters`
   * @param baseLr the group's `initial_lr`
   */
  getLr(runner: BaseRunner, baseLr: number): number {
    if (!this.#plain) return baseLr;
    const { epoch, iter, doneInEpoch: innerIter } = runner;
    return at(this.#plain.lrAt({ epoch, iter, innerIter }, [baseLr], this.#optimizer), 0);
  }

  override beforeRun(runner: BaseRunner): void {
    if (!runner.optimizer) return;
    const run = scheduleRunOf(runner, 'lr_config');
    const className = this.#ownClass;
    const own =
      className === undefined
        ? undefined
        : {
            className,
            values: (bases: readonly number[]) =>
              this.#ofEpoch.get(runner, this.byEpoch, () => bases.map((base) => this.getLr(runner, base))),
          };
    const schedule = createLrSchedule(this.#config, run, this.#sources, own);
    if (own && this.#config.policy !== undefined)
      this.#plain = createLrSchedule(withoutWarmup(this.#config), run, this.#sources);
    // As in MMCV: a group without initial_lr takes its lr for the base, even when it has decayed already.
    const { paramGroups } = runner.optimizer;
    const optimizer = runner.optimizer.constructor.name;
    this.#optimizer = optimizer;
    const start = schedule.initialLrs(
      paramGroups.map((group) => group.lr),
      optimizer,
    );
    for (const [i, group] of paramGroups.entries()) group.initial_lr ??= start[i];
    if (!schedule.isActive) return;
    const bases = paramGroups.map((group) => Number(group.initial_lr));
    this.#setter = new ScheduleSetter({
      byEpoch: this.byEpoch,
      warmupEnd: schedule.warmupEnd,
      valuesAt: (position) => schedule.lrAt(position, bases, optimizer),
      regularAt: (position) => schedule.regularLrAt(position, bases, optimizer),
      read: () => paramGroups.map((group) => group.lr),
      write: (lrs) => {
        for (const [i, group] of paramGroups.entries()) group.lr = at(lrs, i);
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

  /** The class that overrides `getLr`; undefined for a policy of ours. */
  get #ownClass(): string | undefined {
    return this.getLr === LrUpdaterHook.prototype.getLr ? undefined : this.constructor.name;
  }
}

// Each policy is a hook of its own for custom_hooks, as in MMCV: dict(type='StepLrUpdaterHook', step=[8, 11]).
for (const policy of LR_POLICY_NAMES) {
  class PolicyHook extends LrUpdaterHook {
    static override readonly args: ArgSpec = lrPolicyArgs(policy);
    constructor(args: Readonly<Record<string, unknown>> = {}, context?: BuildContext) {
      super(policyConfig(args, policy), { path: context?.path });
    }
  }
  HOOKS.registerModule({ name: `${policy}LrUpdaterHook` })(PolicyHook);
}
