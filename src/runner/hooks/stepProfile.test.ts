// What a profile of some iterations counts, on the real runner.
import { expect, test } from 'vitest';
import { ones, square, tensor, tidy } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { Module, Parameter } from '../../nn/index.ts';
import { SGD } from '../../optim/index.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { RunEvent } from '../../contracts/runEvents.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from '../runnerTypes.ts';
import { EpochBasedRunner } from '../epochBasedRunner.ts';
import { createLogger } from '../logger.ts';
import { EvalHook, type Evaluator } from './evaluation.ts';
import { OptimizerHook } from './optimizer.ts';
import { StepProfileHook } from './stepProfile.ts';
import { at, take } from '../../util/at.ts';

await testAdapter();

/** A step whose only dispatch is the optimizer's. */
class OneWeight extends Module implements RunnableModel {
  readonly weight = this.addParameter('weight', new Parameter([1]));
  trainStep(): StepOutputs {
    return {
      logVars: { names: ['loss'], values: [1] },
      numSamples: 1,
      grads: new Map([[this.weight, tensor([1], [1])]]),
    };
  }
  valStep(): StepOutputs {
    return this.trainStep();
  }
}

/** Squares on the GPU, after each epoch or iteration. */
const evaluator: Evaluator = {
  length: 1,
  evaluate: () => {
    tidy(() => {
      for (let i = 0; i < 10; i++) square(ones([4]));
    });
    return Promise.resolve({ metrics: { mAP: 0 }, perClass: [], predictions: [] });
  },
};

async function profileOf(options: {
  asked: number;
  byEpoch?: boolean;
  maxPasses?: number;
}): Promise<{ profile: Extract<RunEvent, { name: 'run.profiled' }>['profile']; line: string }> {
  const model = new OneWeight();
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => void events.push(event);
  const fs = createMemoryFs();
  const optimizer = new SGD({ params: model.parameters(), lr: 0.1 });
  const runner = new EpochBasedRunner({
    ...{ model, optimizer, fs, onEvent, workDir: 'w', timestamp: 't', maxEpochs: 4 },
    logger: createLogger(fs, 'w/t.log', onEvent),
  });
  runner.registerHook(new OptimizerHook());
  runner.registerHook(new EvalHook(evaluator, { byEpoch: options.byEpoch }, {}));
  runner.registerHook(new StepProfileHook(options), 'LOWEST');
  runner.control.profile(options.asked);
  const loader: BatchLoader = {
    length: 3,
    async *epoch(_, start = 0) {
      for (let i = start; i < 3; i++) yield i;
    },
  };
  await runner.run([loader], [['train', 1]]);
  runner.logBuffer.clear();
  optimizer.dispose();
  const [profiled] = take(
    events.filter((event) => event.name === 'run.profiled'),
    1,
  );
  const [line] = take(
    events.flatMap((event) =>
      event.name === 'run.logged' && event.line.includes('Profile of') ? [event.line] : [],
    ),
    1,
  );
  return { profile: profiled.profile, line: at(line.replace(/^.* - INFO - /, '').split('\n'), 0) };
}

test.each([true, false])(
  'evaluations between iterations are no part of them (by epoch: %s)',
  async (byEpoch) => {
    const { profile, line } = await profileOf({ asked: 5, byEpoch });
    expect(profile.ops.map(({ op, dispatches }) => [op, dispatches])).toEqual([['arena sgd', 1]]);
    expect(profile.iters).toBe(5);
    expect(line).toBe('Profile of 5 iterations');
  },
);

test('only whole iterations count, where no more dispatches can be timed', async () => {
  const { profile, line } = await profileOf({ asked: 6, maxPasses: 4 });
  expect(profile.iters).toBe(4);
  expect(at(profile.ops, 0).dispatches).toBe(1);
  expect(line).toBe('Profile of 4 of 6 iterations');
});

test('a run that ends before tells what it had', async () => {
  const { profile, line } = await profileOf({ asked: 100 });
  // The first three of twelve warm up.
  expect(profile.iters).toBe(9);
  expect(at(profile.ops, 0).dispatches).toBe(1);
  expect(line).toBe('Profile of 9 of 100 iterations');
});
