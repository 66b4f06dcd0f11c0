import { afterEach, describe, expect, test } from 'vitest';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import type { RemotePace } from './remoteLogger.ts';
import { MlflowLoggerHook } from './mlflow.ts';
import { makeContext, makeLoggedRun, TEST_PACE, type LoggedRun } from './testing/loggedRun.ts';
import { FakeMlflow, FakeWandb, type Tracker } from './testing/trackers.ts';
import { TrackingServer } from './testing/trackingServer.ts';
import { WandbLoggerHook } from './wandb.ts';
import { at } from '../../../util/at.ts';

await testAdapter();

interface Service {
  readonly name: string;
  makeTracker(): Tracker;
  /** With `files` a file is uploaded at the end. */
  makeHook(url: string, pace: RemotePace, files?: boolean): WandbLoggerHook | MlflowLoggerHook;
  readonly ended: string;
  readonly stopped: string;
}

const SERVICES: readonly Service[] = [
  {
    name: 'W&B',
    makeTracker: () => new FakeWandb(),
    makeHook: (url, pace, files = false) => {
      const context = makeContext({
        readEnv: (name) => (name === 'WANDB_API_KEY' ? FakeWandb.key : undefined),
      });
      const initKwargs = { project: 'boxes', settings: { base_url: url } };
      const args = { interval: 1, initKwargs, logArtifact: files, outSuffix: '.pth' };
      return new WandbLoggerHook(args, context, pace);
    },
    ended: 'exit code 0',
    stopped: 'exit code 0',
  },
  {
    name: 'MLflow',
    makeTracker: () => new FakeMlflow(),
    makeHook: (url, pace, files = false) => {
      const args = { interval: 1, expName: 'boxes', trackingUri: url, logModel: files };
      return new MlflowLoggerHook(args, makeContext(), pace);
    },
    ended: 'FINISHED',
    stopped: 'KILLED',
  },
];

let server: TrackingServer;
afterEach(() => server.stop());

const ITERS = 20;

/** What both services must have: one point per iteration, with its values. */
function expectAllPoints(tracker: Tracker, iters = ITERS): void {
  const points = tracker.points();
  expect(points.map(({ step }) => step)).toEqual(Array.from({ length: iters }, (_, i) => i + 1));
  for (const { step, values } of points)
    expect(values).toEqual({
      'train/loss': 1 / step,
      'train/acc': 1 - 1 / step,
      learning_rate: 0.1,
      momentum: 0.9,
    });
}

const warnings = (run: LoggedRun): string[] =>
  run.lines.filter((line) => line.startsWith('WARNING')).map((line) => line.replace(server.url, 'URL'));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 2000) throw new Error('waited too long');
    await sleep(4);
  }
}

describe.each(SERVICES)('$name', { timeout: 20_000 }, (service) => {
  async function setUp(isUp = true): Promise<Tracker> {
    const tracker = service.makeTracker();
    server = new TrackingServer((request) => tracker.handle(request));
    await server.start();
    if (!isUp) await server.stop();
    return tracker;
  }

  test('up all the time: every point arrives, nothing is told, nothing is left', async () => {
    const tracker = await setUp();
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], { before: () => sleep(1) });
    await run.run();
    expectAllPoints(tracker);
    expect(tracker.ended()).toBe(service.ended);
    expect(run.notices).toEqual([]);
    expect(warnings(run)).toEqual([]);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('down at the start: told once, back once, nothing lost', async () => {
    const tracker = await setUp(false);
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], {
      before: async (iter) => {
        if (iter === 3) await until(() => run.notices.length > 0);
        // The queue's file outlives the process.
        if (iter === 9) expect((await run.fs.list('w/unsent')).map(({ name }) => name)).toHaveLength(1);
        if (iter === 10) await server.start();
        await sleep(2);
      },
    });
    await run.run();
    expectAllPoints(tracker);
    expect(tracker.ended()).toBe(service.ended);
    expect(run.notices.map(({ code, level }) => [code, level])).toEqual([['logger-away', 'warning']]);
    expect(at(run.notices, 0).message).toContain(`${service.name} is away: http`);
    expect(at(run.notices, 0).hint).toContain('CORS');
    expect(run.lines.filter((line) => line.includes(`${service.name} is back`))).toHaveLength(1);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('dying in the middle and coming back: nothing lost, nothing twice', async () => {
    const tracker = await setUp();
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], {
      before: async (iter) => {
        if (iter === 6) {
          await until(() => tracker.points().length > 0);
          await server.stop();
        }
        if (iter === 9) await until(() => run.notices.length > 0);
        if (iter === 14) await server.start();
        await sleep(1);
      },
    });
    await run.run();
    expectAllPoints(tracker);
    expect(tracker.ended()).toBe(service.ended);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-away']);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('dying for good: training ends, the rest lies in the work dir and is told', async () => {
    const tracker = await setUp();
    const run = makeLoggedRun([service.makeHook(server.url, { ...TEST_PACE, flushMs: 100 })], {
      before: async (iter) => {
        if (iter === 6) {
          await until(() => tracker.points().length > 0);
          await server.stop();
        }
      },
    });
    await run.run();
    expect(run.runner.iter).toBe(ITERS);
    const arrived = tracker.points().length;
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-away', 'logger-unsent']);
    const { name } = at(await run.fs.list('w/unsent'), 0);
    const [first = '', ...left] = (await run.fs.readText(`w/unsent/${name}`)).trim().split('\n');
    expect(JSON.parse(first)).toMatchObject({ kind: 'run', settings: { key: expect.any(String) as string } });
    // The last one says how the run ended. What was on its way when the server died may be on both sides.
    expect(left.length).toBeGreaterThanOrEqual(ITERS - arrived + 1);
    expect(at(run.notices, 1).message).toBe(
      `${left.length} records were not delivered to ${service.name}; they lie in w/unsent/${name}`,
    );
    for (const line of left) expect(JSON.parse(line)).toHaveProperty('kind');
    expect(at(run.notices, 1).hint).toContain('tabtrain send-unsent w');
  });

  test('connections that break off inside the answer: nothing lost, nothing twice', async () => {
    const tracker = await setUp();
    // At first every second request, then every third, is carried out, but its answer never comes through.
    server.fate = (index) => (index % (index < 8 ? 2 : 3) === 0 ? 'cut' : 'answer');
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], { before: () => sleep(3) });
    await run.run();
    expectAllPoints(tracker);
    expect(tracker.ended()).toBe(service.ended);
    expect(new Set(run.notices.map(({ code }) => code))).toEqual(new Set(['logger-away']));
  });

  test.each([401, 403])('%i: told once with what to do, and not asked again', async (status) => {
    await setUp();
    server.fate = () => ({ status, json: { error: 'no such key' } });
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], { before: () => sleep(2) });
    await run.run();
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-refused', 'logger-unsent']);
    expect(at(run.notices, 0).message).toContain(`answers ${status}`);
    expect(at(run.notices, 0).hint).toMatch(/WANDB_API_KEY|MLFLOW_TRACKING/);
    expect(server.requests).toHaveLength(1);
    expect(at(run.notices, 1).message).toContain('21 records');
  });

  test.each([429, 500, 503])('%i: tried again until it works', async (status) => {
    const tracker = await setUp();
    server.fate = (index) =>
      index < 4 ? { status, json: { error: 'busy' }, headers: { 'Retry-After': '0' } } : 'answer';
    const run = makeLoggedRun([service.makeHook(server.url, TEST_PACE)], { before: () => sleep(1) });
    await run.run();
    expectAllPoints(tracker);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-away']);
  });

  test('a server that takes and never answers: training and Stop do not wait for it', async () => {
    await setUp();
    server.fate = () => 'hang';
    const hook = service.makeHook(server.url, { ...TEST_PACE, flushMs: 60_000 });
    const started = Date.now();
    const run = makeLoggedRun([hook], {
      before: (iter) => {
        if (iter === 15) run.control.stop();
      },
    });
    await run.run();
    expect(run.runner.end).toBe('stopped');
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-unsent']);
  });

  test('Stop while the last records are waited for ends the waiting', async () => {
    await setUp(false);
    const run = makeLoggedRun([service.makeHook(server.url, { ...TEST_PACE, flushMs: 60_000 })]);
    const started = Date.now();
    const running = run.run();
    await until(() => run.runner.iter === ITERS);
    run.control.stop();
    await running;
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-away', 'logger-unsent']);
  });

  test.each([false, true])(
    'an upload that hangs keeps nobody from hearing how the run ended (Stop: %s)',
    async (isStopped) => {
      const tracker = await setUp();
      server.fate = (_, { method }) => (method === 'PUT' ? 'hang' : 'answer');
      const hook = service.makeHook(server.url, { ...TEST_PACE, flushMs: 300 }, true);
      const run = makeLoggedRun([hook], {
        fs: createMemoryFs({ 'w/epoch_2.pth': new Uint8Array(9) }),
        before: (iter) => {
          if (isStopped && iter === 15) run.control.stop();
        },
      });
      run.runner.meta.hook_msgs = { last_ckpt: 'w/epoch_2.pth' };
      await run.run();
      // Stop is heard while batch 15 is awaited: iterations 0 to 14 have trained.
      expectAllPoints(tracker, isStopped ? 15 : ITERS);
      expect(tracker.ended()).toBe(isStopped ? service.stopped : service.ended);
      // MLflow gets the model of a finished run only.
      const isAsked = service.name === 'W&B' || !isStopped;
      expect(run.notices.map(({ code }) => code)).toEqual(isAsked ? ['logger-unsent'] : []);
      if (isAsked) expect(at(run.notices, 0).message).toContain('1 records were not delivered');
    },
  );

  test('a run that fails says so to the server', async () => {
    const tracker = await setUp();
    const hook = service.makeHook(server.url, TEST_PACE);
    const run = makeLoggedRun([hook], {
      before: (iter) => {
        if (iter === 5) throw new Error('out of memory');
      },
    });
    await expect(run.run()).rejects.toThrow('out of memory');
    await hook.afterFailure(run.runner);
    expectAllPoints(tracker, 5);
    expect(tracker.ended()).toBe(service.name === 'W&B' ? 'exit code 1' : 'FAILED');
  });
});
