// `lr_config`: every learning-rate policy of MMCV, and MMDetection's YOLOX.

import { cosineAnnealingPolicy } from './cosineAnnealing.ts';
import { cosineRestartPolicy } from './cosineRestart.ts';
import { cyclicPolicy } from './cyclic.ts';
import { expPolicy } from './exp.ts';
import { fixedPolicy } from './fixed.ts';
import { flatCosineAnnealingPolicy } from './flatCosineAnnealing.ts';
import { invPolicy } from './inv.ts';
import { linearAnnealingPolicy } from './linearAnnealing.ts';
import { oneCycleLrPolicy } from './oneCycle.ts';
import { polyPolicy } from './poly.ts';
import {
  createSchedule,
  describeSchedule,
  type OwnPolicy,
  type PolicySpec,
  type ScheduleOptions,
  type SchedulePosition,
  type ScheduleRun,
  type ScheduleSpec,
  type ScheduleSummary,
} from './schedule.ts';
import { LR_KIND } from './scheduleArgs.ts';
import { stepPolicy } from './step.ts';
import { WARMUP_KEYS } from './warmup.ts';
import { yoloxPolicy } from './yolox.ts';

const TARGET = ['min_lr', 'min_lr_ratio'];
const CYCLE = ['target_ratio', 'cyclic_times', 'step_ratio_up', 'anneal_strategy', 'gamma'];
const ONE_CYCLE = [
  'total_steps',
  'pct_start',
  'anneal_strategy',
  'div_factor',
  'final_div_factor',
  'three_phase',
];

const POLICIES: ReadonlyMap<string, PolicySpec> = new Map<string, PolicySpec>([
  ['Fixed', { make: fixedPolicy }],
  ['Step', { required: ['step'], optional: ['gamma', 'min_lr'], make: (args) => stepPolicy(args, 0.1) }],
  ['Exp', { required: ['gamma'], make: expPolicy }],
  ['Poly', { optional: ['power', 'min_lr'], make: polyPolicy }],
  ['Inv', { required: ['gamma'], optional: ['power'], make: invPolicy }],
  ['CosineAnnealing', { optional: TARGET, make: cosineAnnealingPolicy }],
  ['FlatCosineAnnealing', { optional: ['start_percent', ...TARGET], make: flatCosineAnnealingPolicy }],
  [
    'CosineRestart',
    { required: ['periods'], optional: ['restart_weights', ...TARGET], make: cosineRestartPolicy },
  ],
  [
    'Cyclic',
    {
      optional: CYCLE,
      byEpoch: false,
      make: (args, run) => cyclicPolicy(args, run.maxIters, [10, 1e-4], true),
    },
  ],
  [
    'OneCycle',
    {
      required: ['max_lr'],
      optional: ONE_CYCLE,
      byEpoch: false,
      make: (args, run) => oneCycleLrPolicy(args, run.maxIters),
    },
  ],
  ['LinearAnnealing', { optional: TARGET, make: linearAnnealingPolicy }],
  ['YOLOX', { required: ['num_last_epochs'], optional: TARGET, make: yoloxPolicy }],
]);

const SPEC: ScheduleSpec = {
  kind: LR_KIND,
  policies: POLICIES,
  defaultWarmupRatio: 0.1,
  warmupItersIsInt: true,
  warmupDivides: false,
  commonKeys: ['by_epoch', ...WARMUP_KEYS, 'warmup_by_epoch'],
};

/** Names of the policies as MMCV's classes begin: `Step`, `CosineAnnealing`, ... */
export const LR_POLICY_NAMES: readonly string[] = [...POLICIES.keys()];

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
