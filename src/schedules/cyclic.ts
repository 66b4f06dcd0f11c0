import { above, below, kindOf, listOf, number, oneOf, optional, type Kind } from '../registry/args/index.ts';
import { Tuple } from '../util/tuple.ts';
import { ANNEAL_STRATEGIES, annealFunction } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { at as itemAt } from '../util/at.ts';

const targetRatio: Kind<number | readonly number[]> = kindOf(
  'float | (float,) | (float, float)',
  'a float or a tuple of one or two numbers',
  (value) =>
    number.fault(value) === null ||
    (value instanceof Tuple &&
      (value.length === 1 || value.length === 2) &&
      listOf(number).fault(value) === null),
);

/** @param peak @param end defaults of target_ratio */
export const cyclicTable = (peak: number, end: number) =>
  ({
    target_ratio: optional(
      targetRatio,
      Tuple.of(peak, end),
      'Factors of the own value at the peak and at the end of a cycle; one float: the peak, and 1e-5 of it.',
    ),
    cyclic_times: optional(above(number, 0), 1, 'How many cycles the run has.', 'cycles'),
    step_ratio_up: optional(below(number, 0, 1), 0.4, 'The share of a cycle that rises to the peak.'),
    anneal_strategy: optional(oneOf(...ANNEAL_STRATEGIES), 'cos', 'The shape of both halves.'),
    gamma: optional(number, 1, 'How much each cycle draws the peak towards the own value; 1: not at all.'),
  }) as const;

/**
 * `cyclic(target_ratio, cyclic_times, step_ratio_up, anneal_strategy, gamma)`: in each cycle of
 * L = max_iters // cyclic_times iterations from base to ratio[0] * base in int(step_ratio_up * L), then to
 * ratio[1] * base. gamma^cycle draws the peak towards base. Iterations left over begin another cycle.
 * @param gammaChecked the learning rate's gamma must be in (0, 1]; the momentum's isn't checked
 * Source: mmcv 1.7.2 `CyclicLrUpdaterHook`, `CyclicMomentumUpdaterHook`.
 */
export function cyclicPolicy(args: ScheduleArgs, maxIters: number, gammaChecked: boolean): Policy {
  const [peak, end] = readTargetRatio(args);
  const times = args.number('cyclic_times');
  if (!(times > 0)) throw args.badValue('cyclic_times', 'must be positive');
  const ratioUp = args.number('step_ratio_up');
  if (!(ratioUp >= 0 && ratioUp < 1)) throw args.badValue('step_ratio_up', 'must be in range [0,1)');
  const gamma = args.number('gamma');
  if (gammaChecked && !(gamma > 0 && gamma <= 1)) throw args.badValue('gamma', 'must be in range (0, 1]');
  if (args.boolean('by_epoch')) throw args.badValue('by_epoch', 'must be False for this policy');
  const anneal = annealFunction(args.choice('anneal_strategy', ANNEAL_STRATEGIES));

  const length = Math.floor(maxIters / times);
  if (!(length > 0)) throw args.badValue('cyclic_times', `must not exceed the run's ${maxIters} iterations`);
  const up = Math.trunc(ratioUp * length);
  return fromCurve((base, { progress }) => {
    const at = progress % length;
    const scale = gamma ** Math.floor(progress / length);
    const isUp = at < up;
    const [from, to] = isUp ? [0, up] : [up, length];
    let startRatio = isUp ? 1 : peak;
    let endRatio = isUp ? peak : end;
    // MMCV tells the phases apart by their first iteration, so without an up phase the end is what shrinks.
    if (from === 0) endRatio = 1 - scale + endRatio * scale;
    else startRatio = 1 - scale + startRatio * scale;
    return anneal(base * startRatio, base * endRatio, (at - from) / (to - from));
  });
}

function readTargetRatio(args: ScheduleArgs): readonly [number, number] {
  const value = args.raw('target_ratio');
  if (typeof value === 'number' && !args.isInt('target_ratio')) return [value, value / 1e5];
  // MMCV refuses a list here, though it takes tuples.
  if (!(value instanceof Tuple)) throw args.badValue('target_ratio', 'must be a float or a tuple');
  const ratios = [...value];
  if (!ratios.every((ratio): ratio is number => typeof ratio === 'number')) {
    throw args.badType('target_ratio', 'must hold numbers only');
  }
  if (ratios.length === 1) return [itemAt(ratios, 0), itemAt(ratios, 0) / 1e5];
  if (ratios.length !== 2) throw args.badValue('target_ratio', 'must have one or two numbers');
  return [itemAt(ratios, 0), itemAt(ratios, 1)];
}
