// `momentum_config`: every momentum policy of MMCV.

import { ConfigError } from '../errors/trainerError.ts';
import {
  absent,
  atLeast,
  declareArgs,
  flag,
  number,
  optional,
  orNone,
  type ArgTable,
  type DeclaredArgs,
} from '../registry/args/index.ts';
import { cosineAnnealingPolicy } from './cosineAnnealing.ts';
import { cyclicPolicy, cyclicTable } from './cyclic.ts';
import { linearAnnealingPolicy } from './linearAnnealing.ts';
import { oneCycleMomentumPolicy, oneCycleTable, perGroupKind } from './oneCycle.ts';
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
import { MOMENTUM_KIND } from './scheduleArgs.ts';
import { stepPolicy, stepTable } from './step.ts';
import { warmupTable } from './warmup.ts';

const BY_EPOCH = (byDefault: boolean) => optional(flag, byDefault, 'Whether progress counts epochs.');
const COMMON = { by_epoch: BY_EPOCH(true), ...warmupTable(0.9, atLeast(number, 0)) } as const;
/** What every policy takes. */
export const MOMENTUM_ARGS = declareArgs(COMMON);

const TARGET = {
  min_momentum: absent(orNone(number), 'The momentum at the end; give it or min_momentum_ratio.'),
  min_momentum_ratio: absent(orNone(number), "The same as a share of each group's own momentum."),
} as const;

const policy = (table: ArgTable, make: PolicySpec['make'], byEpoch = true): PolicySpec => ({
  args: declareArgs({ ...table, ...COMMON, by_epoch: BY_EPOCH(byEpoch) }),
  make,
});

const PER_GROUP = "one for all groups, one per group, or a dict of such lists by the optimizer's class";

const POLICIES: ReadonlyMap<string, PolicySpec> = new Map([
  [
    'Step',
    policy({ ...stepTable(0.5), min_momentum: absent(orNone(number), 'No step goes below.') }, stepPolicy),
  ],
  ['CosineAnnealing', policy(TARGET, cosineAnnealingPolicy)],
  ['LinearAnnealing', policy(TARGET, linearAnnealingPolicy)],
  [
    'Cyclic',
    policy(cyclicTable(0.85 / 0.95, 1), (args, run) => cyclicPolicy(args, run.maxIters, false), false),
  ],
  [
    'OneCycle',
    policy(
      {
        base_momentum: optional(perGroupKind, 0.85, `The lowest momentum: ${PER_GROUP}.`),
        max_momentum: optional(perGroupKind, 0.95, `The highest momentum: ${PER_GROUP}.`),
        ...oneCycleTable,
      },
      (args, run) => oneCycleMomentumPolicy(args, run.maxIters),
      false,
    ),
  ],
]);

const SPEC: ScheduleSpec = {
  kind: MOMENTUM_KIND,
  policies: POLICIES,
  warmupItersIsInt: false,
  warmupDivides: true,
  common: MOMENTUM_ARGS,
};

/** A whole `momentum_config`. */
export const MOMENTUM_CONFIG = scheduleKind(SPEC);

/** Names of the policies as MMCV's classes begin. */
export const MOMENTUM_POLICY_NAMES: readonly string[] = [...POLICIES.keys()];

/** What a policy takes, the common arguments among it. */
export function momentumPolicyArgs(name: string): DeclaredArgs {
  return POLICIES.get(name)?.args ?? MOMENTUM_ARGS;
}

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
