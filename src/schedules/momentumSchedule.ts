// `momentum_config`: every momentum policy of MMCV.

import { ConfigError } from '../errors/trainerError.ts';
import { cosineAnnealingPolicy } from './cosineAnnealing.ts';
import { cyclicPolicy } from './cyclic.ts';
import { linearAnnealingPolicy } from './linearAnnealing.ts';
import { oneCycleMomentumPolicy } from './oneCycle.ts';
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
import { MOMENTUM_KIND } from './scheduleArgs.ts';
import { stepPolicy } from './step.ts';
import { WARMUP_KEYS } from './warmup.ts';

const TARGET = ['min_momentum', 'min_momentum_ratio'];
const CYCLE = ['target_ratio', 'cyclic_times', 'step_ratio_up', 'anneal_strategy', 'gamma'];
const ONE_CYCLE = ['base_momentum', 'max_momentum', 'pct_start', 'anneal_strategy', 'three_phase'];

const POLICIES: ReadonlyMap<string, PolicySpec> = new Map<string, PolicySpec>([
  [
    'Step',
    { required: ['step'], optional: ['gamma', 'min_momentum'], make: (args) => stepPolicy(args, 0.5) },
  ],
  ['CosineAnnealing', { optional: TARGET, make: cosineAnnealingPolicy }],
  ['LinearAnnealing', { optional: TARGET, make: linearAnnealingPolicy }],
  [
    'Cyclic',
    {
      optional: CYCLE,
      byEpoch: false,
      make: (args, run) => cyclicPolicy(args, run.maxIters, [0.85 / 0.95, 1], false),
    },
  ],
  [
    'OneCycle',
    {
      optional: ONE_CYCLE,
      byEpoch: false,
      make: (args, run) => oneCycleMomentumPolicy(args, run.maxIters),
    },
  ],
]);

const SPEC: ScheduleSpec = {
  kind: MOMENTUM_KIND,
  policies: POLICIES,
  defaultWarmupRatio: 0.9,
  warmupItersIsInt: false,
  warmupDivides: true,
  commonKeys: ['by_epoch', ...WARMUP_KEYS],
};

/** Names of the policies as MMCV's classes begin. */
export const MOMENTUM_POLICY_NAMES: readonly string[] = [...POLICIES.keys()];

/** The momenta of a run, as a pure function of the place in it. */
export interface MomentumSchedule {
  /** MMCV's class, such as `CyclicMomentumUpdaterHook`. */
  readonly className: string;
  /** False when this runner never sets a momentum: keep what groups have. */
  readonly isActive: boolean;
  /** The iteration behind which a by_epoch policy sets nothing until the next epoch; -1 without a warm-up. */
  readonly warmupEnd: number;
  /** OneCycle writes `base_momentum` and `max_momentum` into the groups instead of `initial_momentum`. */
  readonly groupKeys: readonly string[];
  /** What the groups' momentum is set to before the first iteration (OneCycle starts at its maximum). */
  initialMomenta(momenta: readonly number[], optimizer?: string): number[];
  /** OneCycle's `base_momentum` and `max_momentum` of each group; of a short list in a dict only as many. */
  groupEntries(groups: number, optimizer?: string): Readonly<Record<string, readonly number[]>>;
  /**
   * What MMCV's hook has set when the iteration at `position` trains.
   * @param baseMomenta `initial_momentum` of each group; borrowed
   */
  momentumAt(position: SchedulePosition, baseMomenta: readonly number[], optimizer?: string): number[];
  /** The same without the warm-up: what MMCV's hook sets at the start of an epoch. */
  regularMomentumAt(position: SchedulePosition, baseMomenta: readonly number[], optimizer?: string): number[];
}

/** The class and the unit of a `momentum_config`. @throws ConfigError; see {@link describeSchedule} */
export function describeMomentumSchedule(
  momentumConfig: Readonly<Record<string, unknown>>,
  options?: ScheduleOptions,
  ownClass?: string,
): ScheduleSummary {
  return describeSchedule(momentumConfig, SPEC, options, ownClass);
}

/**
 * Build the schedule of a `momentum_config`. A warm-up divides by its factor, so it starts high.
 * @throws ConfigError; see {@link createSchedule}
 * Source: mmcv 1.7.2 `runner/hooks/momentum_updater.py`.
 * @example
 * const run = { maxEpochs: 1, maxIters: 10, itersPerEpoch: 10, runnerType: 'epoch' } as const;
 * createMomentumSchedule({ policy: 'step', step: 1 }, run).momentumAt({ epoch: 0, iter: 0, innerIter: 0 }, [0.9])
 * // [0.9]
 */
export function createMomentumSchedule(
  momentumConfig: Readonly<Record<string, unknown>>,
  run: ScheduleRun,
  options?: ScheduleOptions,
  own?: OwnPolicy,
): MomentumSchedule {
  const schedule = createSchedule(momentumConfig, run, SPEC, options, own);
  const isOneCycle = schedule.className.startsWith('OneCycle');
  return {
    className: schedule.className,
    isActive: schedule.isActive,
    warmupEnd: schedule.warmupEnd,
    groupKeys: isOneCycle ? ['base_momentum', 'max_momentum'] : ['initial_momentum'],
    initialMomenta: (momenta, optimizer = '') => schedule.basesFor(momenta, optimizer),
    groupEntries: (groups, optimizer = '') => schedule.groupEntries(groups, optimizer),
    momentumAt: (position, bases, optimizer = '') => schedule.valuesAt(position, bases, optimizer),
    regularMomentumAt: (position, bases, optimizer = '') => schedule.regularAt(position, bases, optimizer),
  };
}

/**
 * The momentum of a parameter group: its `momentum`, else the first of its `betas`.
 * @throws ConfigError `no-momentum` when it has neither
 */
export function groupMomentum(group: Readonly<Record<string, unknown>>): number {
  if (typeof group.momentum === 'number') return group.momentum;
  const first: unknown = Array.isArray(group.betas) ? group.betas[0] : undefined;
  if (typeof first === 'number') return first;
  throw new ConfigError(
    'the optimizer must have momentum or betas for a momentum schedule, but it has neither',
    {
      code: 'no-momentum',
      path: 'momentum_config',
      hint: 'use SGD with momentum, Adam or AdamW, or remove momentum_config',
    },
  );
}
