// Runs lr_schedules.json and momentum_schedules.json: a value per group and iteration, to 1e-12.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../errors/trainerError.ts';
import { createLrSchedule } from '../../schedules/lrSchedule.ts';
import { createMomentumSchedule, groupMomentum } from '../../schedules/momentumSchedule.ts';
import type { ScheduleOptions, ScheduleRun } from '../../schedules/schedule.ts';
import { decodeValue, diffNumbers, runCases } from './compare.ts';
import { failed, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

/** Relative; pow and cos of V8 and of C's libm differ in the last bits. */
const TOLERANCE = 1e-12;

export const suite: ParitySuite = {
  files: ['lr_schedules.json', 'momentum_schedules.json'],
  async run(fixture, file, directory) {
    const floats = await floatKeys(join(directory, file));
    return runCases(fixture, file, (one) => runCase(one, floats.get(one.id) ?? new Set()));
  },
};

interface OptimizerCfg {
  readonly type: string;
  readonly lr: number;
  readonly momentum?: number;
  readonly groups: readonly Readonly<Record<string, unknown>>[];
}
/** One parameter group, and the optimizer it belongs to. */
interface Group {
  readonly optimizer: string;
  readonly values: Readonly<Record<string, unknown>>;
}
interface Position {
  readonly epoch: number;
  readonly iter: number;
  readonly innerIter: number;
}

function runCase(one: FixtureCase, floats: ReadonlySet<string>): ParityOutcome {
  try {
    const got = simulate(one, floats);
    if (one.error) return failed(`must raise ${JSON.stringify(one.error)}`);
    const out = one.out as Record<string, unknown>;
    for (const key of ['lr', 'momentum', 'final_group_keys'] as const) {
      if (out[key] === undefined || got[key] === undefined) continue;
      const difference = diffSeries(key, got[key], decodeValue(out[key]));
      if (difference) return difference;
    }
    return passed;
  } catch (error) {
    const wanted = one.error as { type: string } | undefined;
    if (wanted && error instanceof ConfigError) {
      return CODES[wanted.type]?.includes(error.code)
        ? passed
        : failed(`raised ${error.code} (${error.message}), wanted ${JSON.stringify(wanted)}`);
    }
    throw error;
  }
}

/** What a Python exception is with us. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  KeyError: ['unknown-policy', 'no-momentum', 'bad-type'],
  AssertionError: ['missing-policy', 'bad-value'],
  TypeError: ['missing-argument', 'unknown-argument', 'bad-type'],
  ValueError: ['bad-value', 'no-momentum', 'beyond-periods', 'beyond-schedule'],
  ZeroDivisionError: ['bad-value'],
};

function simulate(
  one: FixtureCase,
  floats: ReadonlySet<string>,
): { lr: number[][]; momentum?: unknown[][]; final_group_keys?: string[][] } {
  const groups = readGroups(one);
  const run = readRun(one);
  const positions = readPositions(one);
  const options = (path: string): ScheduleOptions => ({ isFloat: (key) => floats.has(`${path}.${key}`) });
  const iterDefaults = one.iter_defaults ? { by_epoch: false } : {};
  const lrConfig = { ...iterDefaults, ...(decodeValue(one.lr_config) as Record<string, unknown>) };
  const lrSchedule = createLrSchedule(lrConfig, run, options('lr_config'));
  const lr = series(groups, positions, (optimizer, members) => {
    const current = members.map(({ values }) => values.lr as number);
    const initial = lrSchedule.initialLrs(current, optimizer);
    const bases = members.map(({ values }, i) => (values.initial_lr as number | undefined) ?? initial[i]);
    return (position) => (lrSchedule.isActive ? lrSchedule.lrAt(position, bases, optimizer) : current);
  });
  if (!one.momentum_config) return { lr };

  const momentumConfig = decodeValue(one.momentum_config) as Record<string, unknown>;
  const schedule = createMomentumSchedule(momentumConfig, run, options('momentum_config'));
  const momentum = series<unknown>(groups, positions, (optimizer, members) => {
    const current = members.map(({ values }) => groupMomentum(values));
    const initial = schedule.initialMomenta(current, optimizer);
    const bases = members.map(
      ({ values }, i) => (values.initial_momentum as number | undefined) ?? initial[i],
    );
    return (position) =>
      (schedule.isActive ? schedule.momentumAt(position, bases, optimizer) : current).map((value, i) => {
        const betas = members[i].values.betas as number[] | undefined;
        return betas ? [value, betas[1]] : value;
      });
  });
  const ofSchedules = new Set(['initial_lr', 'initial_momentum', 'base_momentum', 'max_momentum']);
  const wanted = (one.out as { final_group_keys?: string[][] } | undefined)?.final_group_keys;
  const keys = wanted?.map((group) =>
    [...group.filter((key) => !ofSchedules.has(key)), 'initial_lr', ...schedule.groupKeys].sort(),
  );
  // A resumed group keeps the initial_momentum that it came with.
  const isResumed = Boolean(one.resume);
  return { lr, momentum, final_group_keys: isResumed ? undefined : keys };
}

/** Ask each optimizer's schedule at every position; returns [group][position]. */
function series<T>(
  groups: readonly Group[],
  positions: readonly Position[],
  start: (optimizer: string, members: readonly Group[]) => (position: Position) => readonly T[],
): T[][] {
  const optimizers = [...new Set(groups.map((group) => group.optimizer))];
  return optimizers.flatMap((optimizer) => {
    const members = groups.filter((group) => group.optimizer === optimizer);
    const at = start(optimizer, members);
    const rows = positions.map((position) => at(position));
    return members.map((_, g) => rows.map((row) => row[g]));
  });
}

function readRun(one: FixtureCase): ScheduleRun {
  const itersPerEpoch = one.iters_per_epoch as number;
  const maxEpochs = one.max_epochs as number | undefined;
  if (one.runner === 'IterBasedRunner') {
    return { maxIters: one.max_iters as number, itersPerEpoch, runnerType: 'iter' };
  }
  return { maxEpochs, maxIters: (maxEpochs ?? 0) * itersPerEpoch, itersPerEpoch, runnerType: 'epoch' };
}

/** Where the run asks; an error case has no positions, so it gets the first one. */
function readPositions(one: FixtureCase): Position[] {
  const out = one.out as { position_epoch_iter_inner: [number, number, number][] } | undefined;
  const places = out?.position_epoch_iter_inner ?? [[0, 0, 0]];
  return places.map(([epoch, iter, innerIter]) => ({ epoch, iter, innerIter }));
}

const DEFAULT_BETAS = [0.9, 0.999];

function readGroups(one: FixtureCase): Group[] {
  const cfg = one.optimizer as OptimizerCfg | { optimizers: Record<string, OptimizerCfg> };
  const optimizers = 'optimizers' in cfg ? Object.entries(cfg.optimizers) : [[cfg.type, cfg] as const];
  const resumed = (one.resume as { groups: Record<string, unknown>[] } | undefined)?.groups ?? [];
  return optimizers.flatMap(([optimizer, { type, groups, ...defaults }]) =>
    groups.map((group, i) => {
      const betas = type.startsWith('Adam') ? { betas: DEFAULT_BETAS } : {};
      return { optimizer, values: { ...betas, ...defaults, ...group, ...resumed[i] } };
    }),
  );
}

function diffSeries(where: string, got: unknown, wanted: unknown): ParityOutcome | undefined {
  if (typeof got === 'number' && typeof wanted === 'number') {
    // Relative: learning rates are small.
    return Math.abs(got - wanted) <= TOLERANCE * Math.abs(wanted) + 1e-300
      ? undefined
      : failed(`${where}: got ${got}, wanted ${wanted}`);
  }
  if (Array.isArray(got) && Array.isArray(wanted) && got.length === wanted.length) {
    for (let i = 0; i < got.length; i++) {
      const difference = diffSeries(`${where}[${i}]`, got[i], wanted[i]);
      if (difference) return difference;
    }
    return undefined;
  }
  return diffNumbers(where, got, wanted, TOLERANCE);
}

/**
 * Per case, the keys ("lr_config.pct_start") whose number Python wrote as a float. JSON.parse loses `1.0`, so the
 * text is read once more with such numbers kept as text.
 */
async function floatKeys(path: string): Promise<Map<string, Set<string>>> {
  const text = await readFile(path, 'utf8');
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+\.0+(?=[\s,\]}])/g, (token) =>
    token.startsWith('"') ? token : `{"__float__":"${token}"}`,
  );
  const { cases } = JSON.parse(tagged) as { cases: FixtureCase[] };
  return new Map(
    cases.map((one) => [
      one.id,
      new Set(
        ['lr_config', 'momentum_config'].flatMap((config) =>
          Object.entries((one[config] as Record<string, unknown> | undefined) ?? {})
            .filter(([, value]) => typeof value === 'object' && value !== null && '__float__' in value)
            .map(([key]) => `${config}.${key}`),
        ),
      ),
    ]),
  );
}
