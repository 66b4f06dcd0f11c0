import { expect, test } from 'vitest';
import { EMPTY_ARG_DOC } from '../../contracts/argumentDocs.ts';
import type { Plan } from '../../contracts/plan.ts';
import { serve } from '../../worker/channel.ts';
import { WorkerClients } from '../../worker/client.ts';
import type { PlanCalls, WorkerSigns } from '../../worker/protocol.ts';
import { FakeWorker } from '../../worker/testing/fakeWorker.ts';
import { ArgumentHelp } from './argumentHelp.ts';

/** Plan workers that answer with what `answers` has for each, in order; undefined: never. */
function setUp(answers: readonly (string | undefined)[]) {
  let made = 0;
  const createPlanWorker = () => {
    const worker = new FakeWorker();
    const name = answers[made++];
    serve<Pick<PlanCalls, 'arguments.describe'>, WorkerSigns>(worker.inside, {
      'arguments.describe': () =>
        name === undefined
          ? new Promise(() => undefined)
          : Promise.resolve({ topLevel: [{ ...EMPTY_ARG_DOC, name }], classes: [] }),
    });
    return worker.asWorker;
  };
  const clients = new WorkerClients({
    createDataWorker: createPlanWorker,
    createPlanWorker,
    createRunWorker: createPlanWorker,
    whenReleased: () => new Promise(() => undefined),
  });
  const plan: { value: Plan | null } = { value: null };
  return { clients, plan, help: new ArgumentHelp(clients, { lastValues: null }, plan) };
}

test('arguments are asked once a plan, and again where the worker did not answer', async () => {
  const { clients, help } = setUp([undefined, 'second']);
  const first = help.arguments();
  expect(help.arguments()).toBe(first);
  clients.plans.end();
  expect(await first).toBeNull();
  expect(await help.arguments()).toMatchObject({ topLevel: [{ name: 'second' }] });
  clients.plans.end();
});

test('an old question that fails takes no newer one with it', async () => {
  const { clients, plan, help } = setUp([undefined, 'second']);
  const old = help.arguments();
  plan.value = { name: 'newer' } as unknown as Plan;
  clients.plans.end();
  const newer = help.arguments();
  expect(await old).toBeNull();
  expect(help.arguments()).toBe(newer);
  expect(await newer).toMatchObject({ topLevel: [{ name: 'second' }] });
  clients.plans.end();
});
