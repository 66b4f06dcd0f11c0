// `lr_config`: every learning-rate policy of MMCV, and MMDetection's YOLOX.

import {
  absent,
  atLeast,
  between,
  declareArgs,
  flag,
  int,
  listOf,
  number,
  optional,
  orNone,
  required,
  type ArgTable,
  type DeclaredArgs,
} from '../registry/args/index.ts';
import { cosineAnnealingPolicy } from './cosineAnnealing.ts';
import { cosineRestartPolicy } from './cosineRestart.ts';
import { cyclicPolicy, cyclicTable } from './cyclic.ts';
import { expPolicy } from './exp.ts';
import { fixedPolicy } from './fixed.ts';
import { flatCosineAnnealingPolicy } from './flatCosineAnnealing.ts';
import { invPolicy } from './inv.ts';
import { linearAnnealingPolicy } from './linearAnnealing.ts';
import { oneCycleLrPolicy, oneCycleTable, perGroupKind } from './oneCycle.ts';
import { polyPolicy } from './poly.ts';
import {
  createSchedule,
  describeSchedule,
  scheduleKind,
  type OwnPolicy,
  type PolicySpec,
  type ScheduleOptions,
  type SchedulePosition,
  type ScheduleRun,
  type ScheduleSpec,
  type ScheduleSummary,
} from './schedule.ts';
import { LR_KIND } from './scheduleArgs.ts';
import { stepPolicy, stepTable } from './step.ts';
import { warmupTable } from './warmup.ts';
import { yoloxPolicy } from './yolox.ts';

const BY_EPOCH = (byDefault: boolean) =>
  optional(flag, byDefault, 'Whether progress counts epochs; an IterBasedRunner says False.');
const COMMON = {
  by_epoch: BY_EPOCH(true),
  ...warmupTable(0.1, atLeast(int, 0)),
  warmup_by_epoch: optional(flag, false, 'Whether warmup_iters counts epochs.'),
} as const;
/** What every policy takes. */
export const LR_ARGS = declareArgs(COMMON);

const MIN_LR = absent(orNone(number), 'The learning rate at the end; give it or min_lr_ratio.');
const TARGET = {
  min_lr: MIN_LR,
  min_lr_ratio: absent(orNone(number), "The same as a share of each group's own learning rate."),
} as const;
const gamma = required(number, 'Factor, to the power of the progress.');
const power = optional(number, 1, 'The exponent.');

const policy = (table: ArgTable, make: PolicySpec['make'], byEpoch = true): PolicySpec => ({
  args: declareArgs({ ...table, ...COMMON, by_epoch: BY_EPOCH(byEpoch) }),
  make,
});

const POLICIES: ReadonlyMap<string, PolicySpec> = new Map([
  ['Fixed', policy({}, fixedPolicy)],
  ['Step', policy({ ...stepTable(0.1), min_lr: absent(orNone(number), 'No step goes below.') }, stepPolicy)],
  ['Exp', policy({ gamma }, expPolicy)],
  ['Poly', policy({ power, min_lr: optional(number, 0, 'The learning rate at the end.') }, polyPolicy)],
  ['Inv', policy({ gamma, power }, invPolicy)],
  ['CosineAnnealing', policy(TARGET, cosineAnnealingPolicy)],
  [
    'FlatCosineAnnealing',
    policy(
      {
        start_percent: optional(
          between(number, 0, 1),
          0.75,
          'The share of the run before the cosine begins.',
        ),
        ...TARGET,
      },
      flatCosineAnnealingPolicy,
    ),
  ],
  [
    'CosineRestart',
    policy(
      {
        periods: required(listOf(number), 'How long each cosine is.', 'epochs or iterations'),
        restart_weights: optional(listOf(number), [1], 'Factor at the start of each period.'),
        ...TARGET,
      },
      cosineRestartPolicy,
    ),
  ],
  ['Cyclic', policy(cyclicTable(10, 1e-4), (args, run) => cyclicPolicy(args, run.maxIters, true), false)],
  [
    'OneCycle',
    policy(
      {
        max_lr: required(
          perGroupKind,
          "The highest learning rate: one for all groups, one per group, or a dict of such lists by the optimizer's class.",
        ),
        total_steps: absent(
          orNone(atLeast(int, 1)),
          "How long the cycle is; None: the run's own.",
          'iterations',
        ),
        ...oneCycleTable,
        div_factor: optional(number, 25, 'How much lower than max_lr it begins.'),
        final_div_factor: optional(number, 1e4, 'How much lower than at its beginning it ends.'),
      },
      (args, run) => oneCycleLrPolicy(args, run.maxIters),
      false,
    ),
  ],
  ['LinearAnnealing', policy(TARGET, linearAnnealingPolicy)],
  [
    'YOLOX',
    policy(
      {
        num_last_epochs: required(number, 'How long the end of the run keeps the target.', 'epochs'),
        ...TARGET,
      },
      yoloxPolicy,
    ),
  ],
]);

const SPEC: ScheduleSpec = {
  kind: LR_KIND,
  policies: POLICIES,
  warmupItersIsInt: true,
  warmupDivides: false,
  common: LR_ARGS,
};

/** A whole `lr_config`. */
export const LR_CONFIG = scheduleKind(SPEC);

/** Names of the policies as MMCV's classes begin: `Step`, `CosineAnnealing`, ... */
export const LR_POLICY_NAMES: readonly string[] = [...POLICIES.keys()];

/** What a policy takes, the common arguments among it. */
export function lrPolicyArgs(name: string): DeclaredArgs {
  return POLICIES.get(name)?.args ?? LR_ARGS;
}

/** The learning rates of a run, as a pure function of the place in it. */
export interface LrSchedule {
  /** MMCV's class, such as `CosineAnnealingLrUpdaterHook`. */
  readonly className: string;
  /** False when this runner never sets a learning rate (by_epoch in an IterBasedRunner): keep what groups have. */
  readonly isActive: boolean;
  /** The iteration behind which a by_epoch policy sets nothing until the next epoch; -1 without a warm-up. */
  readonly warmupEnd: number;
  /**
   * What `initial_lr` becomes where a group has none: its lr, or OneCycle's own start.
   * @param optimizer class name, or the optimizer's key when there are several
   * @throws ConfigError when max_lr doesn't fit the groups
   */
  initialLrs(lrs: readonly number[], optimizer?: string): number[];
  /**
   * What MMCV's hook has set when the iteration at `position` trains.
   * @param baseLrs `initial_lr` of each group; borrowed
   * @returns a new list, one per group
   */
  lrAt(position: SchedulePosition, baseLrs: readonly number[], optimizer?: string): number[];
  /** The same without the warm-up: what MMCV's hook sets at the start of an epoch. */
  regularLrAt(position: SchedulePosition, baseLrs: readonly number[], optimizer?: string): number[];
}

/** The class and the unit of an `lr_config`. @throws ConfigError; see {@link describeSchedule} */
export function describeLrSchedule(
  lrConfig: Readonly<Record<string, unknown>>,
  options?: ScheduleOptions,
  ownClass?: string,
): ScheduleSummary {
  return describeSchedule(lrConfig, SPEC, options, ownClass);
}

/**
 * Build the schedule of an `lr_config`.
 * @throws ConfigError; see {@link createSchedule}
 * Source: mmcv 1.7.2 `runner/hooks/lr_updater.py`, mmdet 2.28.2 `YOLOXLrUpdaterHook`.
 * @example
 * const run = { maxEpochs: 12, maxIters: 1200, itersPerEpoch: 100, runnerType: 'epoch' } as const;
 * const cfg = { policy: 'step', warmup: 'linear', warmup_iters: 500, warmup_ratio: 0.001, step: [8, 11] };
 * createLrSchedule(cfg, run).lrAt({ epoch: 8, iter: 800, innerIter: 0 }, [0.02]) // [0.002]
 */
export function createLrSchedule(
  lrConfig: Readonly<Record<string, unknown>>,
  run: ScheduleRun,
  options?: ScheduleOptions,
  own?: OwnPolicy,
): LrSchedule {
  const schedule = createSchedule(lrConfig, run, SPEC, options, own);
  return {
    className: schedule.className,
    isActive: schedule.isActive,
    warmupEnd: schedule.warmupEnd,
    initialLrs: (lrs, optimizer = '') => schedule.basesFor(lrs, optimizer),
    lrAt: (position, baseLrs, optimizer = '') => schedule.valuesAt(position, baseLrs, optimizer),
    regularLrAt: (position, baseLrs, optimizer = '') => schedule.regularAt(position, baseLrs, optimizer),
  };
}
