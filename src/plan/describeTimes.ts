// When a run will save and evaluate.

import { MAX_PLANNED_TIMES, type PlannedLength, type PlannedTimes } from '../contracts/plan.ts';
import { CheckpointHook } from '../runner/hooks/checkpoint.ts';
import { EvalHook } from '../runner/hooks/evaluation.ts';
import type { Hook } from '../runner/hooks/hook.ts';

/** @returns null without a CheckpointHook */
export function describeCheckpoints(hooks: readonly Hook[], length: PlannedLength): PlannedTimes | null {
  const hook = hooks.find((one) => one instanceof CheckpointHook);
  if (!hook) return null;
  const { interval, saveLast, byEpoch } = hook;
  const last = lengthIn(byEpoch, length);
  return times(byEpoch, last, (n) => (interval > 0 && n % interval === 0) || (saveLast && n === last));
}

/** @returns null where nothing is evaluated */
export function describeEvaluations(hooks: readonly Hook[], length: PlannedLength): PlannedTimes | null {
  const hook = hooks.find((one) => one instanceof EvalHook);
  if (!hook) return null;
  return times(hook.byEpoch, lengthIn(hook.byEpoch, length), (n) => hook.isDue(n - 1));
}

function lengthIn(byEpoch: boolean, { maxEpochs, maxIters }: PlannedLength): number {
  return byEpoch ? maxEpochs : maxIters;
}

function times(byEpoch: boolean, last: number, isDue: (count: number) => boolean): PlannedTimes {
  const at: number[] = [];
  let count = 0;
  for (let n = 1; n <= last; n++) {
    if (!isDue(n)) continue;
    count += 1;
    if (at.length < MAX_PLANNED_TIMES) at.push(n);
  }
  return { unit: byEpoch ? 'epoch' : 'iter', at, count };
}
