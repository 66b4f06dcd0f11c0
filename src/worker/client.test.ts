import { describe, expect, test } from 'vitest';
import { RunError } from '../errors/trainerError.ts';
import { at } from '../util/at.ts';
import { serve } from './channel.ts';
import { WorkerClients } from './client.ts';
import type { WorkerLike } from './connection.ts';
import { PlanClient } from './planClient.ts';
import type { PlanCalls, RunCalls, RunWorkerEvents, WorkerSigns } from './protocol.ts';
import { FakeWorker } from './testing/fakeWorker.ts';

function setUp() {
  const made: FakeWorker[] = [];
  const make = (): WorkerLike => {
    const worker = new FakeWorker();
    made.push(worker);
    return worker.asWorker;
  };
  const locks = new Map<string, () => void>();
  const whenReleased = (lock: string): Promise<void> => new Promise((resolve) => locks.set(lock, resolve));
  const clients = new WorkerClients({
    createDataWorker: make,
    createPlanWorker: make,
    createRunWorker: make,
    whenReleased,
  });
  return { made, clients, make, locks, whenReleased };
}

const OVER = new RunError('the run is over', { code: 'cancelled' });

test('each run gets a worker of its own, which ends with it', async () => {
  const { made, clients } = setUp();
  expect([made.length, clients.run]).toEqual([0, null]);
  const first = clients.startRun();
  expect(clients.run).toBe(first);
  const open = first.call('run.stop', { runId: 1 });
  clients.endRun(OVER);
  await expect(open).rejects.toBe(OVER);
  expect(clients.run).toBeNull();
  expect(clients.startRun()).not.toBe(first);
  expect(made.map(({ isTerminated }) => isTerminated)).toEqual([true, false]);
  clients.endRun(OVER);
});

test('a crash rejects what was open in plain words, and the next run gets a fresh worker', async () => {
  const { made, clients } = setUp();
  const open = clients.startRun().call('run.train', { runId: 1, configPath: 'a.py' });
  at(made, 0).crash('Uncaught RangeError: Array buffer allocation failed');
  await expect(open).rejects.toMatchObject({
    code: 'worker-crashed',
    message: 'the run worker stopped working: Uncaught RangeError: Array buffer allocation failed',
    hint: 'Everything that was saved is still there. Reload the page if it happens again.',
  });
  expect(at(made, 0).isTerminated).toBe(true);
  expect(clients.run).toBeNull();
  const next = clients.startRun().call('engine.probe', {});
  serve(at(made, 1).inside, { 'engine.probe': async () => ({ name: 'GPU', isSoftware: false }) });
  expect(await next).toEqual({ name: 'GPU', isSoftware: false });
  clients.endRun(OVER);
});

test('a worker that is killed lets go of its lock: what was open is rejected', async () => {
  const { made, clients, locks } = setUp();
  const open = clients.startRun().call('run.train', { runId: 1, configPath: 'a.py' });
  const server = serve<Pick<RunCalls, 'run.train'>, RunWorkerEvents>(at(made, 0).inside, {
    'run.train': () => new Promise(() => undefined),
  });
  server.emit('worker.alive', { lock: 'tabtrain-worker:1' });
  await expect.poll(() => locks.has('tabtrain-worker:1')).toBe(true);
  locks.get('tabtrain-worker:1')?.();
  await expect(open).rejects.toMatchObject({ code: 'worker-gone' });
  expect(clients.run).toBeNull();
});

describe('a plan worker', () => {
  const PATIENCE = { importMs: 200, moduleMs: 400, ownMs: 600 };

  /** Hangs for `a.py`: says where a module was entered, then answers nothing any more. */
  function hanging(worker: FakeWorker, part: string): void {
    const server = serve<Pick<PlanCalls, 'config.describe'>, WorkerSigns>(worker.inside, {
      'config.describe': (_, { progress }) => {
        progress({ part });
        server.emit('module.busy', { file: 'mine/opt.ts', line: 3, column: 5, seconds: 0 });
        setTimeout(() => server.close());
        return new Promise(() => undefined);
      },
    });
  }

  test('that hangs in a module is ended and told by its line; the plan after it gets a new worker', async () => {
    const { made, make, whenReleased } = setUp();
    const plans = new PlanClient(make, whenReleased, PATIENCE);
    const open = plans.describe('a.py');
    hanging(at(made, 0), 'modules');
    await expect(open).rejects.toMatchObject({
      code: 'endless-loop',
      span: { file: 'mine/opt.ts', line: 3, column: 5 },
    });
    expect([at(made, 0).isTerminated, plans.isAlive]).toEqual([true, false]);
    const next = plans.describe('a.py');
    serve(at(made, 1).inside, { 'config.describe': async () => 'a plan' });
    expect(await next).toBe('a plan');
    plans.end();
  });

  test('that hangs makes nobody wait who asked meanwhile: their plan is made by the next', async () => {
    const { made, make, whenReleased } = setUp();
    const plans = new PlanClient(make, whenReleased, PATIENCE);
    const first = plans.describe('a.py').catch((error: unknown) => error);
    hanging(at(made, 0), 'modules');
    await new Promise((done) => setTimeout(done, 50));
    const second = plans.describe('a.py');
    expect(await first).toMatchObject({ code: 'endless-loop' });
    await expect.poll(() => made.length).toBe(2);
    serve(at(made, 1).inside, { 'config.describe': async () => 'a plan' });
    expect(await second).toBe('a plan');
    plans.end();
  });

  test('that hangs is not told by the place of the plan before it', async () => {
    const { made, make, whenReleased } = setUp();
    const plans = new PlanClient(make, whenReleased, PATIENCE);
    const open = plans.describe('a.py');
    let asked = 0;
    const server = serve<Pick<PlanCalls, 'config.describe'>, WorkerSigns>(at(made, 0).inside, {
      'config.describe': async (_, { progress }) => {
        asked += 1;
        if (asked > 1) {
          setTimeout(() => server.close());
          return new Promise(() => undefined);
        }
        progress({ part: 'modules' });
        server.emit('module.busy', { file: 'mine/opt.ts', line: 3, column: 5, seconds: 0 });
        return 'a plan' as never;
      },
    });
    expect(await open).toBe('a plan');
    // Our own work: nothing of a module is known yet.
    await expect(plans.describe('b.py')).rejects.toMatchObject({ code: 'worker-hangs', span: undefined });
    plans.end();
  });

  test('that answers may take its time', async () => {
    const { made, make, whenReleased } = setUp();
    const plans = new PlanClient(make, whenReleased, PATIENCE);
    const open = plans.describe('a.py');
    serve<PlanCalls, WorkerSigns>(at(made, 0).inside, {
      'config.describe': async (_, { progress }) => {
        progress({ part: 'modules' });
        await new Promise((done) => setTimeout(done, 900));
        return 'a plan' as never;
      },
      'arguments.describe': async () => ({ topLevel: [], classes: [] }),
      'worker.ping': async () => undefined,
    });
    expect(await open).toBe('a plan');
    plans.end();
  });
});
