// Learning rate and momentum over a whole run, computed from a config before anything is trained.

import { isDict, plainTruth } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { toErrorReport } from '../errors/trainerError.ts';
import type { GroupStart, RunPlanInput, ScheduleRun, ValuesAt } from '../schedules/index.ts';
import type { Plan } from '../worker/protocol.ts';
import { ASSUMED_ITERS_PER_EPOCH } from '../contracts/plan.ts';
import { formatValue, plural } from './format.ts';

const MAX_POINTS = 2000;
/** Arguments that may hold a value for each group: the groups' numbers count then. */
const PER_GROUP_KEYS = ['max_lr', 'base_momentum', 'max_momentum'];

/** What one or several groups of the optimizer share. */
export interface ScheduleCurve {
  readonly label: string;
  /** What put parameters into its groups. */
  readonly rules: readonly string[];
  /** Trained parameters; null while only the config is known. */
  readonly tensorCount: number | null;
  /** Beside the plan's `iters`. */
  readonly lr: readonly number[];
  /** Null when the optimizer has none. */
  readonly momentum: readonly number[] | null;
}

export interface Fact {
  readonly term: string;
  readonly value: string;
}

export type SchedulePlan =
  | { readonly kind: 'problem'; readonly message: string }
  | {
      readonly kind: 'curves';
      /** Where the curves are sampled, counted from 0. */
      readonly iters: readonly number[];
      readonly itersPerEpoch: number;
      readonly maxIters: number;
      readonly curves: readonly ScheduleCurve[];
      readonly facts: readonly Fact[];
      /** Why momentum is not drawn, if a config asks for it. */
      readonly momentumProblem: string | null;
    };

type Dict = Readonly<Record<string, unknown>>;
/** What the worker tells of the optimizer, and of policies of the person's own. */
export type KnownPlan = Pick<Plan, 'groups' | 'optimizer'> & Partial<Pick<Plan, 'ownLr' | 'ownMomentum'>>;
interface StartGroup extends GroupStart {
  readonly rules: readonly string[];
  readonly tensorCount: number | null;
}

/**
 * Compute the curves of a config's `lr_config` and `momentum_config` for every group.
 * @param plan the optimizer's groups; null draws one group with the optimizer's own values
 * @param itersPerEpoch null assumes {@link ASSUMED_ITERS_PER_EPOCH}
 */
export async function planSchedule(
  config: Dict,
  plan: KnownPlan | null,
  itersPerEpoch: number | null,
): Promise<SchedulePlan> {
  // A policy of one's own was asked for an epoch of this length.
  const asked = (plan?.ownLr ?? plan?.ownMomentum)?.itersPerEpoch;
  try {
    return await plannedOrThrow(config, plan, asked ?? itersPerEpoch ?? ASSUMED_ITERS_PER_EPOCH);
  } catch (error) {
    return problem(toErrorReport(error).message);
  }
}

async function plannedOrThrow(config: Dict, plan: KnownPlan | null, perEpoch: number): Promise<SchedulePlan> {
  const { lr_config: lr, momentum_config: momentum, optimizer } = config;
  const lrConfig = isDict(lr) ? lr : null;
  const momentumConfig = isDict(momentum) ? momentum : null;
  const run = readRun(config, perEpoch);
  if (typeof run === 'string') return problem(run);
  const all = plan ? plan.groups.map(toStart) : ownGroup(optimizer);
  if (all.length === 0) return problem('optimizer.lr must be a number: the schedule starts from it.');
  // Groups with the same start have the same curves, unless a list has a value for each.
  const isPerGroup = PER_GROUP_KEYS.some(
    (key) => Array.isArray(lrConfig?.[key]) || Array.isArray(momentumConfig?.[key]),
  );
  const groups = isPerGroup ? all.filter(isTrained) : merge(all.filter(isTrained));
  const type = plan?.optimizer ?? String(isDict(optimizer) ? optimizer['type'] : '');
  const input: RunPlanInput = {
    groups: isPerGroup ? all : groups,
    optimizer: type,
    run,
    sourcesOf: (cfg) => ({
      isFloat: (key) => sourceOf(cfg, key)?.isFloat ?? false,
      isFloatItem: (list, index) => sourceOf(list, index)?.isFloat ?? false,
      reprOf: (value) => plainRepr(value),
    }),
  };
  const { planLrs, planMomenta } = await import('../schedules/index.ts');
  const { ownLr = null, ownMomentum = null } = plan ?? {};
  if (ownLr?.problem) return problem(`${ownLr.problem}.`);
  const asked = ownLr ?? (ownMomentum?.problem === null ? ownMomentum : null);
  const iters = asked?.iters ?? samplePoints(run, lrConfig, momentumConfig);
  const places = groups.map((group) => input.groups.indexOf(group));
  // Groups that train alike were merged: the first of them stands for all.
  const firsts = groups.map((group) => all.findIndex((other) => isTrained(other) && isAlike(other, group)));
  const lrs = ownLr
    ? firsts.map((first) => ownLr.values[first] ?? [])
    : columns(planLrs(lrConfig, input), iters, places);
  let momenta: (readonly number[])[] | null = null;
  let momentumProblem = ownMomentum?.problem ?? null;
  try {
    const at = ownMomentum ? null : planMomenta(momentumConfig, input);
    momenta = at && columns(at, iters, places);
    if (ownMomentum && momentumProblem === null)
      momenta = firsts.map((first) => ownMomentum.values[first] ?? []);
  } catch (error) {
    momentumProblem = toErrorReport(error).message;
  }
  return {
    kind: 'curves',
    iters,
    itersPerEpoch: perEpoch,
    maxIters: run.maxIters,
    curves: groups.map((group, i) => ({
      label: groups.length === 1 ? 'all parameters' : labelOf(group),
      rules: group.rules,
      tensorCount: group.tensorCount,
      lr: lrs[i] ?? [],
      momentum: momenta?.[i] ?? null,
    })),
    facts: [
      { term: 'Optimizer', value: type },
      { term: 'Policy', value: lrConfig ? String(lrConfig['policy']) : 'stays as it is' },
      { term: 'Warm-up', value: describeWarmup(lrConfig) },
      { term: 'Momentum', value: momentumConfig ? String(momentumConfig['policy']) : 'stays as it is' },
      { term: 'Length', value: describeLength(run) },
    ],
    momentumProblem,
  };
}

/** Most rows of the table of values. */
const MAX_ROWS = 40;

/** Indices into `iters` worth a row: both ends, both sides of each jump, and some between. */
export function tableIters({ iters, curves }: Extract<SchedulePlan, { kind: 'curves' }>): number[] {
  const chosen = new Set([0, iters.length - 1]);
  const step = Math.max(1, Math.floor(iters.length / (MAX_ROWS / 2)));
  for (let at = 0; at < iters.length; at += step) chosen.add(at);
  for (let at = 1; at < iters.length && chosen.size < MAX_ROWS; at++) {
    const jumps = curves.some(({ lr }) => {
      const [before = 0, now = 0] = lr.slice(at - 1, at + 1);
      return Math.abs(now - before) > 0.3 * Math.abs(before);
    });
    if (jumps && at > 1) chosen.add(at - 1).add(at);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** What the run's length is, or why it can't be told. */
function readRun(config: Dict, perEpoch: number): ScheduleRun | string {
  const { runner, total_epochs: totalEpochs } = config;
  const cfg = isDict(runner) ? runner : { type: 'EpochBasedRunner', max_epochs: totalEpochs };
  const key = cfg['type'] === 'IterBasedRunner' ? 'max_iters' : 'max_epochs';
  const length = Number(cfg[key]);
  if (!Number.isInteger(length) || length <= 0) return `runner.${key} must be a positive whole number.`;
  return key === 'max_iters'
    ? { maxIters: length, itersPerEpoch: perEpoch, runnerType: 'iter' }
    : { maxEpochs: length, maxIters: length * perEpoch, itersPerEpoch: perEpoch, runnerType: 'epoch' };
}

function toStart(group: Plan['groups'][number]): StartGroup {
  const { lr, momentum, betas, rules, tensorCount } = group;
  return { lr, momentum: momentum ?? undefined, betas: betas ?? undefined, rules, tensorCount };
}

function ownGroup(optimizer: unknown): StartGroup[] {
  if (!isDict(optimizer)) return [];
  const { lr, momentum, betas } = optimizer;
  if (typeof lr !== 'number') return [];
  return [
    {
      lr,
      momentum: typeof momentum === 'number' ? momentum : undefined,
      betas: Array.isArray(betas) ? betas.map(Number) : undefined,
      rules: [],
      tensorCount: null,
    },
  ];
}

function isAlike(a: GroupStart, b: GroupStart): boolean {
  return startOf(a) === startOf(b);
}

/** What decides about a group's curves. */
function startOf({ lr, momentum, betas }: GroupStart): string {
  return [lr, momentum, betas?.[0]].join(' ');
}

function isTrained({ tensorCount }: StartGroup): boolean {
  return tensorCount !== 0;
}

function merge(groups: readonly StartGroup[]): StartGroup[] {
  const merged = new Map<string, StartGroup>();
  for (const group of groups) {
    const key = startOf(group);
    const other = merged.get(key);
    const tensorCount = (other?.tensorCount ?? 0) + (group.tensorCount ?? 0);
    const rules = [...new Set([...(other?.rules ?? []), ...group.rules])];
    merged.set(key, { ...group, rules, tensorCount: group.tensorCount === null ? null : tensorCount });
  }
  return [...merged.values()];
}

function labelOf({ rules, lr }: StartGroup): string {
  const [first = `lr ${formatValue(lr)}`, ...others] = rules;
  return others.length === 0 ? first : `${first} and ${plural(others.length, 'more rule')}`;
}

/** One list per place in the groups. */
function columns(valuesAt: ValuesAt, iters: readonly number[], places: readonly number[]): number[][] {
  const rows = iters.map((iter) => valuesAt(iter));
  return places.map((place) => rows.map((row) => row[place] ?? Number.NaN));
}

/** Evenly spread iterations, and both sides of every epoch's start, milestone and warm-up's end: values jump there. */
function samplePoints(run: ScheduleRun, lrConfig: Dict | null, momentumConfig: Dict | null): number[] {
  const { maxIters, itersPerEpoch } = run;
  const points = new Set<number>();
  const step = Math.max(1, Math.floor(maxIters / MAX_POINTS));
  for (let iter = 0; iter < maxIters; iter += step) points.add(iter);
  const warmups = [lrConfig, momentumConfig].map((cfg) => warmupIters(cfg, itersPerEpoch));
  const milestones = [lrConfig, momentumConfig].flatMap((cfg) => milestoneIters(cfg, run));
  for (const edge of [...warmups, ...milestones, maxIters]) points.add(edge - 1).add(edge);
  if (maxIters / itersPerEpoch <= MAX_POINTS / 2) {
    for (let edge = itersPerEpoch; edge < maxIters; edge += itersPerEpoch) points.add(edge - 1).add(edge);
  }
  return [...points].filter((iter) => iter >= 0 && iter < maxIters).sort((a, b) => a - b);
}

/** Where a step policy steps and a cosine restarts. */
function milestoneIters(cfg: Dict | null, { runnerType, itersPerEpoch, maxIters }: ScheduleRun): number[] {
  if (!cfg) return [];
  const { step, periods, by_epoch: byEpoch = runnerType === 'epoch' } = cfg;
  const unit = byEpoch ? itersPerEpoch : 1;
  const numbers = (list: unknown): number[] =>
    Array.isArray(list) ? list.filter((one): one is number => typeof one === 'number') : [];
  let end = 0;
  const marks = [...numbers(step), ...numbers(periods).map((period) => (end += period))];
  if (typeof step === 'number' && step > 0 && maxIters / (step * unit) <= MAX_POINTS / 2)
    for (let mark = step; mark * unit < maxIters; mark += step) marks.push(mark);
  return marks.map((mark) => mark * unit);
}

function warmupIters(cfg: Dict | null, perEpoch: number): number {
  const length = Number(cfg?.['warmup_iters'] ?? 0);
  return plainTruth(cfg?.['warmup_by_epoch']) ? length * perEpoch : length;
}

function describeWarmup(cfg: Dict | null): string {
  if (typeof cfg?.['warmup'] !== 'string') return 'none';
  const unit = plainTruth(cfg['warmup_by_epoch']) ? 'epoch' : 'iteration';
  return `${cfg['warmup']}, ${plural(Number(cfg['warmup_iters']), unit)}`;
}

function describeLength({ maxEpochs, maxIters }: ScheduleRun): string {
  const iterations = plural(maxIters, 'iteration');
  return maxEpochs === undefined ? iterations : `${plural(maxEpochs, 'epoch')}, ${iterations}`;
}

function problem(message: string): SchedulePlan {
  return { kind: 'problem', message };
}
