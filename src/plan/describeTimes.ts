// When a run will save and evaluate, counted without going through it.

import { MAX_PLANNED_TIMES, type PlannedLength, type PlannedTimes } from '../contracts/plan.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import { CheckpointHook } from '../runner/hooks/checkpoint.ts';
import { EvalHook } from '../runner/hooks/evaluation.ts';
import { IterBasedRunner } from '../runner/iterBasedRunner.ts';

/** Places at equal distances: `first`, `first + step`, … up to `last`. */
interface Row {
  readonly first: number;
  readonly step: number;
  readonly last: number;
}

/** What one hook does, in epochs or iterations. */
interface Rhythm {
  readonly byEpoch: boolean;
  readonly rows: readonly Row[];
}

/** @returns null without a CheckpointHook */
export function describeCheckpoints(runner: BaseRunner, length: PlannedLength): PlannedTimes | null {
  const hooks = runner.hooks.filter((one) => one instanceof CheckpointHook);
  return timesOf(
    hooks.map(({ byEpoch, interval, saveLast }) => {
      const last = lengthIn(byEpoch, length);
      const rows = interval > 0 ? [{ first: interval, step: interval, last }] : [];
      const isSaved = rows.length > 0 && last % interval === 0;
      return {
        byEpoch,
        rows: saveLast && !isSaved ? [...rows, { first: last, step: 1, last }] : rows,
      };
    }),
    runner,
    length,
  );
}

/** @returns null where nothing is evaluated */
export function describeEvaluations(runner: BaseRunner, length: PlannedLength): PlannedTimes | null {
  const hooks = runner.hooks.filter((one) => one instanceof EvalHook);
  return timesOf(
    hooks.map((hook) => ({ byEpoch: hook.byEpoch, rows: evaluationRows(hook, length) })),
    runner,
    length,
  );
}

function evaluationRows(hook: EvalHook, length: PlannedLength): Row[] {
  const end = lengthIn(hook.byEpoch, length);
  const rows = hook.stretches.flatMap(([from, until, interval]): Row[] => {
    const start = hook.start ?? interval;
    const step = Math.abs(interval);
    if (step === 0) return [];
    // The first place at or behind both that is a whole number of intervals from the start.
    const low = Math.max(from, hook.start === null ? 1 : start, 1);
    const first = start + Math.ceil((low - start) / step) * step;
    return [{ first, step, last: Math.min(until, end) }];
  });
  return hook.isDueAtBegin ? [{ first: 0, step: 1, last: 0 }, ...rows] : rows;
}

function lengthIn(byEpoch: boolean, { maxEpochs, maxIters }: PlannedLength): number {
  return byEpoch ? maxEpochs : maxIters;
}

/** All of several hooks: in iterations where they count in different units. */
function timesOf(
  rhythms: readonly Rhythm[],
  runner: BaseRunner,
  { itersPerEpoch }: PlannedLength,
): PlannedTimes | null {
  if (rhythms.length === 0) return null;
  // An IterBasedRunner has no epoch stages: what counts epochs never acts in it.
  const acting = rhythms.filter(({ byEpoch }) => !byEpoch || !(runner instanceof IterBasedRunner));
  const byEpoch = (acting.length > 0 ? acting : rhythms).every((one) => one.byEpoch);
  const rows = acting.flatMap((one) => {
    const scale = one.byEpoch && !byEpoch ? itersPerEpoch : 1;
    return one.rows.map(({ first, step, last }) => ({
      first: first * scale,
      step: step * scale,
      last: last * scale,
    }));
  });
  const counts = rows.map(({ first, step, last }) => Math.max(0, Math.floor((last - first) / step) + 1));
  const places = rows.flatMap(({ first, step }, i) =>
    Array.from({ length: Math.min(counts[i] ?? 0, MAX_PLANNED_TIMES) }, (_, n) => first + n * step),
  );
  return {
    unit: byEpoch ? 'epoch' : 'iter',
    at: [...new Set(places)].sort((a, b) => a - b).slice(0, MAX_PLANNED_TIMES),
    count: counts.reduce((sum, count) => sum + count, 0),
  };
}
