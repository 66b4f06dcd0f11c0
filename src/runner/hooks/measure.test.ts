import { describe, expect, test } from 'vitest';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import type { RunEvent } from '../../contracts/runEvents.ts';
import { EvalHook } from './evaluation.ts';
import type { Hook } from './hook.ts';
import { TensorboardLoggerHook } from './logger/tensorboard.ts';
import { makeLoggedRun } from './logger/testing/loggedRun.ts';
import { TextLoggerHook } from './logger/text.ts';
import { MeasureHook } from './measure.ts';
import { at } from '../../util/at.ts';

await testAdapter();

type Measured = Extract<RunEvent, { name: 'run.measured' }>;

const evaluator = {
  length: 3,
  evaluate: () => Promise.resolve({ metrics: { mAP: 0.5, note: 'x' }, perClass: [], predictions: [] }),
};

/** What is told in two epochs of ten iterations. */
async function measured(
  hooks: readonly Hook[],
  evalArgs: object | null = null,
): Promise<{ told: readonly Measured[]; steps: readonly string[]; lines: readonly string[] }> {
  const told: Measured[] = [];
  const run = makeLoggedRun([new MeasureHook({ interval: 4 }), ...hooks], {
    onEvent: (event) => {
      if (event.name === 'run.measured') told.push(event);
    },
  });
  if (evalArgs) run.runner.registerHook(new EvalHook(evaluator, evalArgs, {}), 'LOW');
  await run.run();
  const steps = told.map(({ mode, epoch, iter }) => `${mode} ${epoch} ${iter}`);
  return { told, steps, lines: run.lines };
}

/** Mean loss of iterations `first` to `last`. */
function meanLoss(first: number, last: number): number {
  let sum = 0;
  for (let i = first; i <= last; i++) sum += 1 / i;
  return sum / (last - first + 1);
}

describe('MeasureHook', () => {
  test('without any logger: at its own interval, and every evaluation', async () => {
    const { told, steps } = await measured([], {});
    expect(steps).toEqual(['train 1 4', 'train 1 8', 'val 1 10', 'train 2 14', 'train 2 18', 'val 2 20']);
    expect(at(told, 1).values).toMatchObject({ lr: 0.1, loss: expect.closeTo(meanLoss(5, 8), 12) as number });
    expect(at(told, 2).values).toEqual({ lr: 0.1, mAP: 0.5 });
  });

  test.each([
    ['a logger that is not the text log', [new TensorboardLoggerHook({ interval: 5 })]],
    ['several', [new TextLoggerHook({ interval: 5 }), new TensorboardLoggerHook({ interval: 10 })]],
    ['one that clears the averages', [new TextLoggerHook({ interval: 5, resetFlag: true })]],
  ])('with %s: once per record, whatever they are', async (_, hooks) => {
    const { told, steps } = await measured(hooks, {});
    expect(steps).toEqual(['train 1 5', 'train 1 10', 'val 1 10', 'train 2 15', 'train 2 20', 'val 2 20']);
    expect(at(told, 1).values.loss).toBeCloseTo(meanLoss(6, 10), 12);
  });

  test('what is left of an epoch, and an evaluation by iteration', async () => {
    const rest = await measured([new TextLoggerHook({ interval: 7, ignoreLast: false })]);
    expect(rest.steps).toEqual(['train 1 7', 'train 1 10', 'train 2 17', 'train 2 20']);
    const byIter = await measured([new TextLoggerHook({ interval: 5 })], { byEpoch: false, interval: 10 });
    expect(byIter.steps).toEqual([
      'train 1 5',
      'train 1 10',
      'val 1 10',
      'train 2 15',
      'train 2 20',
      'val 2 20',
    ]);
  });

  test('the loggers log what they would without it', async () => {
    const text = (): Hook[] => [new TextLoggerHook({ interval: 5 })];
    const { lines } = await measured(text(), {});
    const run = makeLoggedRun(text());
    run.runner.registerHook(new EvalHook(evaluator, {}, {}), 'LOW');
    await run.run();
    const withoutTimes = (all: readonly string[]): string[] =>
      all
        .filter((line) => line.includes('Epoch'))
        .map((line) => line.replace(/eta: .*data_time: [\d.]+, /, ''));
    expect(withoutTimes(lines)).toHaveLength(6);
    expect(withoutTimes(lines)).toEqual(withoutTimes(run.lines));
  });
});
