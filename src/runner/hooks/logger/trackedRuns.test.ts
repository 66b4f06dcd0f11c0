// What becomes of a run on the server, and of records that were not delivered, beyond one process.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import type { FileSystem } from '../../../contracts/fileSystem.ts';
import type { HookState } from '../hook.ts';
import { readUnsentFile } from '../../../loggers/delivery/unsentFile.ts';
import { MlflowLoggerHook } from './mlflow.ts';
import { makeContext, makeLoggedRun, TEST_PACE, type LoggedRun } from './testing/loggedRun.ts';
import { FakeMlflow, FakeWandb, type Tracker } from './testing/trackers.ts';
import { TrackingServer } from './testing/trackingServer.ts';
import { WandbLoggerHook } from './wandb.ts';
import { at } from '../../../util/at.ts';

await testAdapter();

type RemoteHook = WandbLoggerHook | MlflowLoggerHook;

interface Service {
  readonly name: string;
  makeTracker(): Tracker;
  makeHook(args?: { project?: string; interval?: number }): RemoteHook;
}

const PACE = { ...TEST_PACE, flushMs: 2000, stopMs: 60 };
const SERVICES: readonly Service[] = [
  {
    name: 'W&B',
    makeTracker: () => new FakeWandb(),
    makeHook: ({ project = 'boxes', interval = 1 } = {}) => {
      const initKwargs = { project, settings: { base_url: server.url } };
      const context = makeContext({
        readEnv: (name) => (name === 'WANDB_API_KEY' ? FakeWandb.key : undefined),
      });
      const defineMetricCfg = { 'train/acc': 'mean' };
      return new WandbLoggerHook(
        { interval, initKwargs, logArtifact: false, defineMetricCfg },
        context,
        PACE,
      );
    },
  },
  {
    name: 'MLflow',
    makeTracker: () => new FakeMlflow(),
    makeHook: ({ project = 'boxes', interval = 1 } = {}) =>
      new MlflowLoggerHook(
        { interval, expName: project, trackingUri: server.url, params: { a: 1 } },
        makeContext(),
        PACE,
      ),
  },
];

let server: TrackingServer;
afterEach(() => server.stop());

const ITERS = 20;
const KILLED_AT = 13;
/** Finished iterations in the checkpoint. */
const SAVED_AT = 10;

interface Killed {
  /** The work dir as the kill leaves it. */
  readonly files: ReturnType<typeof createMemoryFs>;
  /** What a checkpoint made after {@link SAVED_AT} iterations keeps of each hook. */
  readonly states: readonly HookState[];
}

async function copy(fs: FileSystem): Promise<ReturnType<typeof createMemoryFs>> {
  const copied: Record<string, Uint8Array> = {};
  for (const { name } of await fs.list('w/unsent'))
    copied[`w/unsent/${name}`] = await fs.readFile(`w/unsent/${name}`);
  return createMemoryFs(copied);
}

/** Run until the process would be killed. @param before the tracker's health, by iteration from 0 */
async function killedRun(
  hooks: readonly RemoteHook[],
  before: (iter: number) => Promise<void> | void,
): Promise<Killed> {
  let files = createMemoryFs();
  let states: HookState[] = [];
  const run = makeLoggedRun(hooks, {
    before: async (iter) => {
      if (iter === SAVED_AT) states = hooks.map((hook) => hook.stateDict() ?? {});
      if (iter === KILLED_AT) {
        files = await copy(run.fs);
        throw new Error('SIGKILL');
      }
      await before(iter);
    },
  });
  await expect(run.run()).rejects.toThrow('SIGKILL');
  return { files, states };
}

function resumed(hooks: readonly RemoteHook[], { files, states }: Killed): LoggedRun {
  const run = makeLoggedRun(hooks, { fs: files, startIter: SAVED_AT });
  for (const [i, hook] of hooks.entries())
    hook.loadStateDict(JSON.parse(JSON.stringify(states[i])) as HookState);
  return run;
}

const allSteps = Array.from({ length: ITERS }, (_, i) => i + 1);
const losses = (tracker: Tracker): unknown[] => tracker.points().map(({ values }) => values['train/loss']);

describe.each(SERVICES)('$name', { timeout: 20_000 }, (service) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = service.makeTracker();
    server = new TrackingServer((request) => tracker.handle(request));
    await server.start();
  });

  /** Let a hook whose process is dead find no server, and forget it. */
  async function bury(hook: RemoteHook): Promise<void> {
    const isUp = server.isUp;
    if (isUp) await server.stop();
    await hook.afterFailure(makeLoggedRun([]).runner);
    if (isUp) await server.start();
  }

  test('resumed after a kill, the run on the server goes on: nothing missing, nothing twice', async () => {
    const first = service.makeHook();
    const killed = await killedRun([first], async (iter) => {
      // Two points are there that the checkpoint knows nothing of.
      if (iter === 12) while (tracker.points().length < 12) await sleep(2);
    });
    await bury(first);
    const run = resumed([service.makeHook()], killed);
    await run.run();
    expect(tracker.points().map(({ step }) => step)).toEqual(allSteps);
    expect(losses(tracker)).toEqual(allSteps.map((step) => 1 / step));
    expect(tracker.ended()).toBe(service.name === 'W&B' ? 'exit code 0' : 'FINISHED');
    expect(run.lines.some((line) => line.includes('from behind the checkpoint already'))).toBe(true);
    expect(run.notices).toEqual([]);
    if (tracker instanceof FakeMlflow) expect(tracker.statuses).toEqual(['FINISHED']);
    if (tracker instanceof FakeWandb)
      expect(tracker.summary['train/acc']).toEqual({
        mean: expect.closeTo(1 - allSteps.reduce((sum, step) => sum + 1 / step, 0) / ITERS, 12) as number,
      });
  });

  test('what a kill left undelivered was on the disk, and is sent by the resumed run', async () => {
    const first = service.makeHook();
    const killed = await killedRun([first], async (iter) => {
      if (iter === 4) await server.stop();
    });
    // To the last record: none was in memory alone.
    const { name } = at(await killed.files.list('w/unsent'), 0);
    const left = await readUnsentFile<{ n: number }>(killed.files, `w/unsent/${name}`);
    expect(left?.records.at(-1)?.n).toBe(KILLED_AT - 1);
    await bury(first);
    await server.start();
    const run = resumed([service.makeHook()], killed);
    await run.run();
    expect(tracker.points().map(({ step }) => step)).toEqual(allSteps);
    expect(run.notices).toEqual([]);
    expect(await run.fs.list('w')).toEqual([{ name: 't.log', kind: 'file' }]);
  });

  test('resumed in another work dir, it takes along what was left', async () => {
    const first = service.makeHook();
    await server.stop();
    const killed = await killedRun([first], () => undefined);
    await bury(first);
    await server.start();
    const { name } = at(await killed.files.list('w/unsent'), 0);
    await killed.files.rename(`w/unsent/${name}`, `old/unsent/${name}`);
    const states = [{ ...killed.states[0], unsent: `old/unsent/${name}` }];
    await resumed([service.makeHook()], { ...killed, states }).run();
    expect(tracker.points().map(({ step }) => step)).toEqual(allSteps);
    expect(await killed.files.list('old/unsent')).toEqual([]);
  });

  test('a run that ended and is resumed to go on longer is alive again on the server', async () => {
    const hook = service.makeHook();
    const short = makeLoggedRun([hook], { maxEpochs: 1 });
    await short.run();
    const ended = tracker.ended();
    expect(ended).not.toBeNull();
    const state = hook.stateDict() ?? {};
    const states: (string | null)[] = [];
    const next = service.makeHook();
    next.loadStateDict(state);
    const run = makeLoggedRun([next], {
      startIter: SAVED_AT,
      before: async (iter) => {
        if (iter !== 15) return;
        while (tracker.points().length < 12) await sleep(2);
        states.push(tracker.ended());
      },
    });
    await run.run();
    expect(states).toEqual([null]);
    expect(tracker.ended()).toBe(ended);
    expect(tracker.points().map(({ step }) => step)).toEqual(allSteps);
  });

  test('a new run in the same work dir is a run of its own, and sends what the old one left', async () => {
    const first = service.makeHook();
    await server.stop();
    const killed = await killedRun([first], () => undefined);
    await bury(first);
    await server.start();
    const run = makeLoggedRun([service.makeHook()], { fs: killed.files });
    await run.run();
    expect(tracker.runCount).toBe(2);
    const counts = [0, 1].map((i) => tracker.pointsOf(i).length);
    expect(counts.sort((a, b) => a - b)).toEqual([KILLED_AT, ITERS]);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('a config that names another project begins a run of its own', async () => {
    const first = service.makeHook();
    const killed = await killedRun([first], async (iter) => {
      if (iter === 12) while (tracker.points().length < 12) await sleep(2);
    });
    await bury(first);
    await resumed([service.makeHook({ project: 'others' })], killed).run();
    expect(tracker.runCount).toBe(2);
    expect(tracker.pointsOf(1).map(({ step }) => step)).toEqual(allSteps.slice(SAVED_AT));
  });

  test('two of them on one server, killed and resumed: each sends what it left itself', async () => {
    const make = (): RemoteHook[] => [service.makeHook({ project: 'a' }), service.makeHook({ project: 'b' })];
    const first = make();
    await server.stop();
    const killed = await killedRun(first, () => undefined);
    for (const hook of first) await bury(hook);
    await server.start();
    const run = resumed(make(), killed);
    await run.run();
    expect(tracker.runCount).toBe(2);
    for (const i of [0, 1]) expect(tracker.pointsOf(i).map(({ step }) => step)).toEqual(allSteps);
    expect(run.lines.filter((line) => line.includes('an earlier run left'))).toEqual([]);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('two of them in one run: each has its file, and both deliver everything', async () => {
    const other = service.makeTracker();
    const otherServer = new TrackingServer((request) => other.handle(request));
    await otherServer.start();
    try {
      const first = service.makeHook();
      const own = server;
      server = otherServer;
      const second = service.makeHook();
      server = own;
      await Promise.all([own.stop(), otherServer.stop()]);
      const run = makeLoggedRun([first, second], {
        before: async (iter) => {
          if (iter === 6) expect(await run.fs.list('w/unsent')).toHaveLength(2);
          if (iter === 8) await own.start();
          if (iter === 12) await otherServer.start();
          await sleep(4);
        },
      });
      await run.run();
      for (const one of [tracker, other]) expect(one.points().map(({ step }) => step)).toEqual(allSteps);
    } finally {
      await otherServer.stop();
    }
  });
});
