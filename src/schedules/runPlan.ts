// Learning rate and momentum of every group at every iteration of a run, as the hooks would set them.

import { createLrSchedule, type LrSchedule } from './lrSchedule.ts';
import { createMomentumSchedule, groupMomentum, type MomentumSchedule } from './momentumSchedule.ts';
import type { ScheduleOptions, ScheduleRun } from './schedule.ts';

type Dict = Readonly<Record<string, unknown>>;

/** A parameter group at the start of the run: PyTorch's keys. */
export interface GroupStart {
  readonly lr: number;
  readonly momentum?: number;
  readonly betas?: readonly number[];
}

export interface RunPlanInput {
  readonly groups: readonly GroupStart[];
  /** The optimizer's class, by which OneCycle's dicts choose. */
  readonly optimizer: string;
  readonly run: ScheduleRun;
  /** Tells floats and places of a schedule's dict; see `ArgSources`. */
  readonly sourcesOf?: (cfg: Dict) => ScheduleOptions;
}

/** One value per group. */
export type ValuesAt = (iter: number) => readonly number[];

/**
 * The learning rates that train iteration `iter` (counted from 0) of a run.
 * @param lrConfig the config's `lr_config`; null keeps the groups' own
 * @throws ConfigError as `createLrSchedule`; the returned function throws where the policy doesn't reach
 */
export function planLrs(lrConfig: Dict | null, input: RunPlanInput): ValuesAt {
  const start = input.groups.map(({ lr }) => lr);
  if (!lrConfig) return () => start;
  const { run, optimizer } = input;
  // IterBasedRunner counts in iterations unless the config says otherwise.
  const cfg = run.runnerType === 'iter' && lrConfig['by_epoch'] === undefined;
  const schedule: LrSchedule = createLrSchedule(
    cfg ? { ...lrConfig, by_epoch: false } : lrConfig,
    run,
    input.sourcesOf?.(lrConfig),
  );
  if (!schedule.isActive) return () => start;
  const bases = schedule.initialLrs(start, optimizer);
  return (iter) => schedule.lrAt(positionOf(iter, run), bases, optimizer);
}

/**
 * The momenta (SGD's momentum, Adam's first beta) that train iteration `iter` of a run.
 * @param momentumConfig the config's `momentum_config`; null keeps the groups' own
 * @returns null when the optimizer has no momentum and no schedule asks for one
 * @throws ConfigError as `createMomentumSchedule`, and `no-momentum`
 */
export function planMomenta(momentumConfig: Dict | null, input: RunPlanInput): ValuesAt | null {
  const { groups, run, optimizer } = input;
  if (!momentumConfig && groups.some(({ momentum, betas }) => momentum === undefined && !betas)) return null;
  const start = groups.map((group) => groupMomentum({ ...group }));
  if (!momentumConfig) return () => start;
  const schedule: MomentumSchedule = createMomentumSchedule(
    momentumConfig,
    run,
    input.sourcesOf?.(momentumConfig),
  );
  const bases = schedule.initialMomenta(start, optimizer);
  // OneCycle sets its start even where nothing else is ever set.
  if (!schedule.isActive) return () => (schedule.groupKeys.includes('initial_momentum') ? start : bases);
  return (iter) => schedule.momentumAt(positionOf(iter, run), bases, optimizer);
}

function positionOf(
  iter: number,
  { itersPerEpoch }: ScheduleRun,
): { epoch: number; iter: number; innerIter: number } {
  return { epoch: Math.floor(iter / itersPerEpoch), iter, innerIter: iter % itersPerEpoch };
}
