import { ConfigError } from '../errors/trainerError.ts';
import { isDict } from '../lang/plain.ts';
import {
  between,
  either,
  flag,
  kindOf,
  listOf,
  number,
  oneOf,
  optional,
  type Kind,
} from '../registry/args/index.ts';
import { Tuple } from '../util/tuple.ts';
import { ANNEAL_STRATEGIES, annealFunction, type Anneal } from './annealing.ts';
import type { Policy, SchedulePoint } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { at as itemAt } from '../util/at.ts';

/** One number for all groups, a list with one for each, or such lists by the optimizer's class. MMCV refuses tuples. */
export const perGroupKind: Kind<number | readonly number[] | Readonly<Record<string, unknown>>> = kindOf(
  'float | list of float | dict',
  'a number, a list of numbers or a dict of such lists',
  (value) =>
    isDict(value) || (!(value instanceof Tuple) && either(number, listOf(number)).fault(value) === null),
);

/** What both cycles take. */
export const oneCycleTable = {
  pct_start: optional(between(number, 0, 1), 0.3, 'The share of the cycle before the turning point.'),
  anneal_strategy: optional(oneOf(...ANNEAL_STRATEGIES), 'cos', 'The shape of the phases.'),
  three_phase: optional(flag, false, 'Whether the way back to the beginning is a phase of its own.'),
} as const;

/** One phase: from the last one's end to `end` (iterations, may be a fraction). */
interface Phase {
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/**
 * `OneCycle(max_lr, total_steps, pct_start, anneal_strategy, div_factor, final_div_factor, three_phase)`:
 * from max_lr/div_factor up to max_lr at pct_start*T - 1, then down to max_lr/div_factor/final_div_factor at
 * T - 1; with three phases symmetrically down first. The optimizer's own lr is not used.
 * Source: mmcv 1.7.2 `OneCycleLrUpdaterHook`; Smith & Topin, "Super-Convergence", 2017.
 */
export function oneCycleLrPolicy(args: ScheduleArgs, maxIters: number): Policy {
  const maxLr = args.raw('max_lr');
  if (typeof maxLr !== 'number' && !isListOrDict(maxLr)) {
    throw args.badValue('max_lr', 'must be a number, a list or a dict');
  }
  const { pctStart, anneal, threePhase } = readShape(args);
  const div = readDivisor(args, 'div_factor');
  const finalDiv = readDivisor(args, 'final_div_factor');
  const total = readTotalSteps(args, maxIters);
  const phases: Phase[] = threePhase
    ? [
        { end: pctStart * total - 1, from: 1, to: div },
        { end: 2 * pctStart * total - 2, from: div, to: 1 },
        { end: total - 1, from: 1, to: 1 / finalDiv },
      ]
    : [
        { end: pctStart * total - 1, from: 1, to: div },
        { end: total - 1, from: div, to: 1 / finalDiv },
      ];
  return {
    ownBases: (groups, optimizer) => perGroup(args, 'max_lr', maxLr, groups, optimizer).map((lr) => lr / div),
    values: (bases, point) => {
      const { from, to, factor } = phaseAt(phases, point, args);
      return bases.map((base) => anneal(base * from, base * to, factor));
    },
  };
}

/**
 * `OneCycle(base_momentum, max_momentum, pct_start, anneal_strategy, three_phase)` for momentum: the mirror image,
 * from max down to base and back; a third phase stays at max.
 * Source: mmcv 1.7.2 `OneCycleMomentumUpdaterHook`.
 */
export function oneCycleMomentumPolicy(args: ScheduleArgs, maxIters: number): Policy {
  const low = readMomentum(args, 'base_momentum');
  const high = readMomentum(args, 'max_momentum');
  const { pctStart, anneal, threePhase } = readShape(args);
  // 1 stands for max, 0 for base.
  const phases: Phase[] = threePhase
    ? [
        { end: pctStart * maxIters - 1, from: 1, to: 0 },
        { end: 2 * pctStart * maxIters - 2, from: 0, to: 1 },
        { end: maxIters - 1, from: 1, to: 1 },
      ]
    : [
        { end: pctStart * maxIters - 1, from: 1, to: 0 },
        { end: maxIters - 1, from: 0, to: 1 },
      ];
  return {
    ownBases: (groups, optimizer) => perGroup(args, 'max_momentum', high, groups, optimizer),
    groupEntries: (groups, optimizer) => ({
      base_momentum: perGroup(args, 'base_momentum', low, groups, optimizer),
      max_momentum: perGroup(args, 'max_momentum', high, groups, optimizer),
    }),
    values: (bases, point, optimizer) => {
      const lows = perGroup(args, 'base_momentum', low, bases.length, optimizer);
      const { from, to, factor } = phaseAt(phases, point, args);
      return bases.map((max, i) =>
        anneal(from === 1 ? max : itemAt(lows, i), to === 1 ? max : itemAt(lows, i), factor),
      );
    },
  };
}

function readShape(args: ScheduleArgs): { pctStart: number; anneal: Anneal; threePhase: boolean } {
  if (args.boolean('by_epoch')) throw args.badValue('by_epoch', 'must be False for this policy');
  const pctStart = args.float('pct_start');
  if (!(pctStart >= 0 && pctStart <= 1)) throw args.badValue('pct_start', 'must be a float between 0 and 1');
  const anneal = annealFunction(args.choice('anneal_strategy', ANNEAL_STRATEGIES));
  return { pctStart, anneal, threePhase: args.boolean('three_phase') };
}

function readTotalSteps(args: ScheduleArgs, maxIters: number): number {
  if (!args.has('total_steps')) return maxIters;
  const total = args.number('total_steps');
  if (args.isKnownFloat('total_steps')) throw args.badValue('total_steps', 'must be an int');
  if (total < maxIters) {
    throw args.badValue('total_steps', `must be at least the run's ${maxIters} iterations`);
  }
  return total;
}

function readMomentum(args: ScheduleArgs, key: string): unknown {
  const value = args.raw(key);
  const isFloat = typeof value === 'number' && !args.isInt(key);
  if (isFloat || isListOrDict(value)) return value;
  throw args.badValue(key, 'must be a float, a list or a dict');
}

/** MMCV refuses tuples here. */
function isListOrDict(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Tuple);
}

function readDivisor(args: ScheduleArgs, key: string): number {
  const value = args.number(key);
  if (value === 0) throw args.badValue(key, 'must not be 0');
  return value;
}

/** One number per group; a dict holds a list for each optimizer by name. Source: mmcv 1.7.2 `format_param`. */
function perGroup(
  args: ScheduleArgs,
  key: string,
  value: unknown,
  groups: number,
  optimizer: string,
): number[] {
  if (typeof value === 'number') return new Array<number>(groups).fill(value);
  if (Array.isArray(value)) {
    if (value.length === groups) return readList(args, key, value);
    throw new ConfigError(
      `${args.className}: ${key} must have ${groups} values for ${optimizer}, but got ${value.length}`,
      { code: 'bad-value', path: `${args.kind.path}.${key}` },
    );
  }
  const list = (value as Readonly<Record<string, unknown>>)[optimizer];
  if (!Array.isArray(list)) {
    throw args.badType(key, `must have a list of numbers under the optimizer's name '${optimizer}'`);
  }
  return readList(args, key, list);
}

function readList(args: ScheduleArgs, key: string, list: readonly unknown[]): number[] {
  if (list.every((item): item is number => typeof item === 'number')) return [...list];
  throw args.badType(key, 'must hold numbers only');
}

function phaseAt(
  phases: readonly Phase[],
  { progress }: SchedulePoint,
  args: ScheduleArgs,
): { from: number; to: number; factor: number } {
  let start = 0;
  for (const { end, from, to } of phases) {
    if (progress <= end) {
      if (end === start) {
        throw args.badValue('pct_start', 'must leave the first phase more than one iteration');
      }
      return { from, to, factor: (progress - start) / (end - start) };
    }
    start = end;
  }
  throw new ConfigError(`${args.className}: the run must end at iteration ${start}, but is at ${progress}`, {
    code: 'beyond-schedule',
    path: args.kind.path,
  });
}
