import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import type { RunServices, SecretRequest } from '../../../registry/index.ts';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import { makeContext, makeLoggedRun, TEST_PACE } from './testing/loggedRun.ts';
import { FakeWandb } from './testing/trackers.ts';
import { TrackingServer } from './testing/trackingServer.ts';
import { TextLoggerHook } from './text.ts';
import { WandbLoggerHook } from './wandb.ts';
import { WandbSummary } from '../../../loggers/wandbSummary.ts';
import { at } from '../../../util/at.ts';

await testAdapter();

let tracker: FakeWandb;
let server: TrackingServer;
beforeEach(async () => {
  tracker = new FakeWandb();
  server = new TrackingServer((request) => tracker.handle(request));
  await server.start();
});
afterEach(() => server.stop());

const withKey: Partial<RunServices> = {
  readEnv: (name) => (name === 'WANDB_API_KEY' ? FakeWandb.key : undefined),
};

function makeHook(
  args: ConstructorParameters<typeof WandbLoggerHook>[0] = {},
  services = withKey,
): WandbLoggerHook {
  const initKwargs = { project: 'boxes', settings: { base_url: server.url }, ...args.initKwargs };
  return new WandbLoggerHook({ interval: 5, ...args, initKwargs }, makeContext(services), TEST_PACE);
}

describe('WandbLoggerHook', () => {
  test('hands the arguments of wandb.init to the server and tells the address of the run', async () => {
    const initKwargs = {
      name: 'first',
      id: 'abc',
      group: 'g',
      job_type: 'train',
      notes: 'n',
      tags: ['a', 'b'],
      config: { lr: 0.1 },
    };
    const run = makeLoggedRun([makeHook({ initKwargs })]);
    await run.run();
    const { config, ...variables } = at(tracker.variables, 0);
    expect(variables).toEqual({
      name: 'abc',
      project: 'boxes',
      entity: 'me',
      displayName: 'first',
      groupName: 'g',
      jobType: 'train',
      notes: 'n',
      tags: ['a', 'b'],
    });
    expect(JSON.parse(String(config))).toEqual({ lr: { value: 0.1, desc: null } });
    expect(run.lines).toContain(`INFO - W&B: view the run at ${server.url}/me/boxes/runs/abc`);
  });

  test('says that the run is complete, then uploads the logs', async () => {
    const fs = createMemoryFs({ 'w/config.py': 'a = 1', 'w/deep/er.log': 'x', 'w/epoch_1.pth': 'no' });
    await makeLoggedRun([new TextLoggerHook({ interval: 5 }), makeHook()], { fs }).run();
    expect([...tracker.files.keys()].sort()).toEqual(['config.py', 'deep/er.log', 't.log', 't.log.json']);
    expect(tracker.files.get('t.log.json')?.split('\n')).toHaveLength(6);
    expect(tracker.ended()).toBe('exit code 0');
    const isEnd = (body: Buffer): boolean => body.toString().includes('"complete":true');
    const end = server.requests.findIndex(({ body }) => isEnd(body));
    const firstFile = server.requests.findIndex(({ path }) => path.startsWith('/upload/'));
    expect([end > 0, firstFile > end]).toEqual([true, true]);
  });

  test('a file that the server refuses is told and does not keep the run from ending', async () => {
    server.fate = (_, { path }) => (path.startsWith('/upload/') ? { status: 403, json: {} } : 'answer');
    const run = makeLoggedRun([makeHook({ outSuffix: '.py' })], { fs: createMemoryFs({ 'w/a.py': '' }) });
    await run.run();
    expect(tracker.ended()).toBe('exit code 0');
    expect(run.lines.filter((line) => line.includes("a.py can't be uploaded to W&B"))).toHaveLength(1);
  });

  test('commit=False collects a step in one row; without with_step all of them', async () => {
    await makeLoggedRun([makeHook({ commit: false, logArtifact: false })]).run();
    expect(tracker.points().map(({ step }) => step)).toEqual([5, 10, 15, 20]);
    tracker = new FakeWandb();
    await makeLoggedRun([makeHook({ commit: false, withStep: false, logArtifact: false })]).run();
    expect(tracker.points()).toEqual([{ step: 0, values: expect.objectContaining({ global_step: 20 }) }]);
  });

  test('with_step=False counts the rows and logs the iteration as global_step', async () => {
    await makeLoggedRun([makeHook({ withStep: false, logArtifact: false })]).run();
    const steps = tracker.points().map(({ step, values }) => [step, values.global_step]);
    expect(steps).toEqual([5, 10, 15, 20].map((iter, i) => [i, iter]));
  });

  test('define_metric_cfg decides what the summary keeps', async () => {
    const defineMetricCfg = {
      'train/loss': 'min',
      'train/a*': 'mean',
      momentum: 'none',
      learning_rate: 'most',
    };
    const warned: string[] = [];
    const services = { ...withKey, warn: (message: string) => void warned.push(message) };
    await makeLoggedRun([makeHook({ interval: 10, defineMetricCfg, logArtifact: false }, services)]).run();
    const loss = (first: number, last: number): number => {
      let sum = 0;
      for (let i = first; i <= last; i++) sum += 1 / i;
      return sum / 10;
    };
    expect(tracker.summary['train/loss']).toEqual({ min: expect.closeTo(loss(11, 20), 12) as number });
    const mean = 1 - (loss(1, 10) + loss(11, 20)) / 2;
    expect(tracker.summary['train/acc']).toEqual({ mean: expect.closeTo(mean, 12) as number });
    expect(tracker.summary).not.toHaveProperty('momentum');
    expect(tracker.summary.learning_rate).toBe(0.1);
    expect(warned).toEqual([
      "summary should be in ['min', 'max', 'mean', 'best', 'last', 'none']. metric=learning_rate, summary=most will be skipped.",
    ]);
  });

  test('asks for the key, again when it is wrong, and never writes it', async () => {
    const asked: SecretRequest[] = [];
    const answers = ['wrong', ` ${FakeWandb.key}\n`];
    const askSecret = (request: SecretRequest): Promise<string | null> => {
      asked.push(request);
      return Promise.resolve(at(answers, asked.length - 1));
    };
    const run = makeLoggedRun([makeHook({ logArtifact: false }, { askSecret })]);
    await run.run();
    expect(tracker.points()).toHaveLength(4);
    expect(asked).toMatchObject([
      { name: 'WANDB_API_KEY', origin: server.url, url: `${server.url}/authorize`, refused: null },
      { refused: expect.stringContaining('401') as string },
    ]);
    expect(run.notices).toEqual([]);
    for (const { name } of await run.fs.list('w'))
      expect(await run.fs.readText(`w/${name}`)).not.toContain(FakeWandb.key);
  });

  test('nobody knows a key: told once, training goes on, the records stay', async () => {
    const run = makeLoggedRun([makeHook({}, { askSecret: () => Promise.resolve(null) })]);
    await run.run();
    expect(server.requests).toHaveLength(0);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-refused', 'logger-unsent']);
    expect(run.notices[0]).toMatchObject({
      message: expect.stringContaining('there is no API key') as string,
      hint: `set WANDB_API_KEY to a key from ${server.url}/authorize`,
    });
  });

  test('a person who takes time to answer holds nothing up', async () => {
    const askSecret = (): Promise<string | null> => new Promise(() => undefined);
    const hook = new WandbLoggerHook({ interval: 1 }, makeContext({ askSecret }), {
      ...TEST_PACE,
      flushMs: 50,
    });
    const run = makeLoggedRun([hook]);
    await run.run();
    expect(run.runner.iter).toBe(20);
    expect(run.notices.map(({ code }) => code)).toEqual(['logger-unsent']);
  });

  test('a run that logs nothing for a while says that it is alive, until it ends', async () => {
    const pace = { ...TEST_PACE, heartbeatMs: 10 };
    const initKwargs = { project: 'boxes', settings: { base_url: server.url } };
    const hook = new WandbLoggerHook({ initKwargs, logArtifact: false }, makeContext(withKey), pace);
    const run = makeLoggedRun([hook], {
      maxEpochs: 1,
      before: async (iter) => {
        if (iter === 5) while (tracker.heartbeats < 4) await sleep(5);
      },
    });
    await run.run();
    expect(tracker.ended()).toBe('exit code 0');
    const posts = server.requests.length;
    await sleep(50);
    expect(server.requests).toHaveLength(posts);
  });

  test('a run named by the config, begun anew beside what it left: that comes first, then the new rows', async () => {
    const pace = { ...TEST_PACE, stopMs: 40, flushMs: 2000 };
    const initKwargs = { id: 'mine', project: 'boxes', settings: { base_url: server.url } };
    const hook = (flushMs: number): WandbLoggerHook =>
      new WandbLoggerHook({ interval: 5, initKwargs, logArtifact: false }, makeContext(withKey), {
        ...pace,
        flushMs,
      });
    await server.stop();
    const fs = createMemoryFs();
    await makeLoggedRun([hook(40)], { fs, maxEpochs: 1 }).run();
    await server.start();
    await makeLoggedRun([hook(2000)], { fs, maxEpochs: 1 }).run();
    expect(tracker.points().map(({ step }) => step)).toEqual([5, 10, 5, 10]);
  });

  test('mode=disabled sends nothing', async () => {
    const run = makeLoggedRun([makeHook({ initKwargs: { mode: 'disabled' } })]);
    await run.run();
    expect(server.requests).toHaveLength(0);
    expect(run.notices).toEqual([]);
  });

  test('a wrong argument is told at its place in the config; one without effect is a warning', () => {
    const warned: string[] = [];
    const context = makeContext({ warn: (message) => void warned.push(message) });
    const build = (initKwargs: object): unknown =>
      context.build('HOOKS', { type: 'WandbLoggerHook', init_kwargs: initKwargs }, 'log_config.hooks[1]');
    const path = 'log_config.hooks[1].init_kwargs';
    const message = (text: string): unknown => expect.stringContaining(text);
    expect(() => build({ project: 3 })).toThrow(
      expect.objectContaining({
        path,
        message: message('init_kwargs.project must be a string or None, but got 3'),
      }),
    );
    expect(() => build({ mode: 'offline' })).toThrow(expect.objectContaining({ path, code: 'unsupported' }));
    expect(() => build({ settings: { base_url: 'wandb.local' } })).toThrow(
      expect.objectContaining({ path, message: message("but got 'wandb.local'") }),
    );
    build({ project: 'a', magic: true });
    expect(warned).toEqual(['WandbLoggerHook: init_kwargs.magic has no effect here']);
  });
});

test('WandbSummary: what is not finite and not a number is kept as it is', () => {
  const summary = new WandbSummary([['loss', 'max']]);
  summary.update({ loss: 1, note: 'a' });
  expect(summary.update({ loss: 'NaN', note: 'b' })).toEqual({ loss: 'NaN', note: 'b' });
  expect(summary.update({ loss: 0.5 })).toEqual({ loss: { max: 1 }, note: 'b' });
});

describe('what W&B refuses', () => {
  test('a row leaves an empty one in its line; a summary is left out; everything else arrives', async () => {
    tracker.maxLineChars = 400;
    const run = makeLoggedRun([makeHook({ interval: 1, logArtifact: false })], {
      before: (iter) => {
        if (iter === 6) run.runner.logBuffer.update({ ['x'.repeat(500)]: 1 });
      },
    });
    await run.run();
    const points = tracker.points();
    expect(points.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(points.filter(({ values }) => !('train/loss' in values)).map(({ step }) => step)).toEqual(
      // The buffer keeps it to the end of the epoch.
      [7, 8, 9, 10],
    );
    expect(tracker.ended()).toBe('exit code 0');
    expect(run.lines.filter((line) => line.includes('W&B refuses'))).toEqual([
      expect.stringContaining('what was logged at step 7, which is left out'),
      expect.stringContaining('the summary, which is left out'),
    ]);
    expect(run.notices).toEqual([]);
    expect(await run.fs.list('w/unsent')).toEqual([]);
  });

  test('a description: the run is made without it', async () => {
    tracker.refusesConfig = true;
    const run = makeLoggedRun([makeHook({ initKwargs: { config: { big: 1 }, notes: 'n' } })]);
    await run.run();
    expect(tracker.points()).toHaveLength(4);
    expect(run.lines.join('\n')).toContain(
      'W&B refuses the description of the run (notes, config), which is left out',
    );
  });
});
