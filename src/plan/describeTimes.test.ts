// When a run saves and evaluates, against its hooks going through it one by one.

import { expect, test } from 'vitest';
import type { PlannedLength } from '../contracts/plan.ts';
import type { BaseRunner } from '../runner/baseRunner.ts';
import { CheckpointHook } from '../runner/hooks/checkpoint.ts';
import { EvalHook, EVALUATES_NOTHING, type EvalHookArgs } from '../runner/hooks/evaluation.ts';
import { Tuple } from '../util/tuple.ts';
import { describeCheckpoints, describeEvaluations } from './describeTimes.ts';
import { planText } from './testing/planText.ts';

const LENGTH: PlannedLength = { maxEpochs: 40, maxIters: 400, itersPerEpoch: 10 };
const runnerWith = (...hooks: unknown[]): BaseRunner => ({ hooks }) as unknown as BaseRunner;

/** The counts behind which a hook evaluates, found by asking it at each. */
async function walked(args: EvalHookArgs): Promise<number[]> {
  const found: number[] = [];
  let now = 0;
  const evaluate = (): Promise<null> => {
    found.push(now);
    return Promise.resolve(null);
  };
  const hook = new EvalHook({ length: 1, evaluate }, args, {});
  const silent = (): void => undefined;
  const runner = {
    epoch: 0,
    model: { eval: silent, train: silent },
    logger: { info: silent },
    control: {},
    hooks: [],
    meta: {},
  } as unknown as BaseRunner;
  for (let epoch = 0; epoch < LENGTH.maxEpochs; epoch++) {
    runner.epoch = epoch;
    now = epoch;
    await hook.beforeTrainEpoch(runner);
    now = epoch + 1;
    await hook.afterTrainEpoch(runner);
  }
  return found;
}

const pairs = (...list: [number, number][]): Tuple<number>[] => list.map((pair) => Tuple.of(...pair));

test.each([
  {},
  { interval: 7 },
  { interval: 3, start: 5 },
  { interval: 1, start: 0 },
  { interval: 2, start: 0 },
  { interval: 50 },
  { interval: 5, start: 60 },
  { interval: 10, dynamicIntervals: pairs([30, 1]) },
  { interval: 10, dynamicIntervals: pairs([15, 4], [31, 3]) },
  { interval: 4, start: 6, dynamicIntervals: pairs([20, 5]) },
  { interval: 4, dynamicIntervals: pairs([20, 3], [10, 2]) },
])('evaluations of %j are those that the hook makes', async (given) => {
  const args = given as EvalHookArgs;
  const at = await walked(args);
  const times = describeEvaluations(runnerWith(new EvalHook(EVALUATES_NOTHING, args, {})), LENGTH);
  expect(times).toEqual({ unit: 'epoch', at, count: at.length });
});

test('several hooks: all their times, in iterations where their units differ', () => {
  const byEpoch = new CheckpointHook({ interval: 20 });
  const byIter = new CheckpointHook({ interval: 150, byEpoch: false, saveLast: false });
  expect(describeCheckpoints(runnerWith(byEpoch), LENGTH)).toEqual({ unit: 'epoch', at: [20, 40], count: 2 });
  expect(describeCheckpoints(runnerWith(byEpoch, byIter), LENGTH)).toEqual({
    unit: 'iter',
    at: [150, 200, 300, 400],
    count: 4,
  });
});

test('a run of 10**13 iterations is planned at once', async () => {
  const start = performance.now();
  const { problems, length, checkpoints, evaluations } = await planText(`
runner = dict(_delete_=True, type='IterBasedRunner', max_iters=10**13)
checkpoint_config = dict(interval=10**9)
evaluation = dict(interval=10**12, dynamic_intervals=[(9 * 10**12, 1)])
lr_config = dict(_delete_=True, policy='fixed')
`);
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(length?.maxIters).toBe(1e13);
  expect(checkpoints).toMatchObject({ unit: 'iter', count: 10_000 });
  expect(checkpoints?.at.slice(0, 2)).toEqual([1e9, 2e9]);
  expect(evaluations).toMatchObject({ unit: 'iter', count: 8 + 1e12 + 1 });
}, 60_000);

test('what counts epochs in an IterBasedRunner never acts: there is no time of it', async () => {
  const { checkpoints, evaluations } = await planText(`
runner = dict(_delete_=True, type='IterBasedRunner', max_iters=80)
checkpoint_config = dict(interval=1, by_epoch=True)
evaluation = dict(interval=1, by_epoch=True)
`);
  expect(checkpoints).toEqual({ unit: 'epoch', at: [], count: 0 });
  expect(evaluations).toEqual({ unit: 'epoch', at: [], count: 0 });
}, 60_000);
