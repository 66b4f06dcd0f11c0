import { afterEach, beforeEach, expect, test } from 'vitest';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import type { RunServices } from '../../../registry/index.ts';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import { MlflowLoggerHook } from './mlflow.ts';
import { makeContext, makeLoggedRun, TEST_PACE, type LoggedRun } from './testing/loggedRun.ts';
import { FakeMlflow } from './testing/trackers.ts';
import { TrackingServer } from './testing/trackingServer.ts';
import { at, take } from '../../../util/at.ts';

await testAdapter();

let tracker: FakeMlflow;
let server: TrackingServer;
beforeEach(async () => {
  tracker = new FakeMlflow();
  server = new TrackingServer((request) => tracker.handle(request));
  await server.start();
});
afterEach(() => server.stop());

function makeHook(
  args: ConstructorParameters<typeof MlflowLoggerHook>[0] = {},
  services: Partial<RunServices> = {},
): MlflowLoggerHook {
  return new MlflowLoggerHook(
    { interval: 5, trackingUri: server.url, ...args },
    makeContext(services),
    TEST_PACE,
  );
}

test('tags and params as text; more than 100 params go in parts', async () => {
  const params = Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`p${i}`, i]));
  const tags = { stage: 'test', deep: { a: [1, true] } };
  await makeLoggedRun([makeHook({ tags, params })]).run();
  const [run] = take(tracker.runs, 1);
  expect(run.experimentId).toBe('0');
  expect(Object.fromEntries(run.tags)).toMatchObject({ stage: 'test', deep: "{'a': [1, True]}" });
  expect(run.params.size).toBe(230);
  expect(run.params.get('p229')).toBe('229');
});

test('an experiment is made once and found again', async () => {
  await makeLoggedRun([makeHook({ expName: 'my boxes' })]).run();
  await makeLoggedRun([makeHook({ expName: 'my boxes' })]).run();
  expect(tracker.experiments.get('my boxes')).toBe('1');
  expect(tracker.runs.map(({ experimentId }) => experimentId)).toEqual(['1', '1']);
});

test('the last checkpoint is uploaded with the run; log_model=False leaves it', async () => {
  for (const logModel of [true, false]) {
    const run = makeLoggedRun([makeHook({ logModel })], {
      fs: createMemoryFs({ 'w/epoch_2.pth': new Uint8Array(7) }),
    });
    run.runner.meta.hook_msgs = { last_ckpt: 'w/epoch_2.pth' };
    await run.run();
    expect(run.notices).toEqual([]);
  }
  expect([...tracker.artifacts]).toEqual([['0/run0/artifacts/models/epoch_2.pth', 7]]);
  expect(tracker.runs.map(({ status }) => status)).toEqual(['FINISHED', 'FINISHED']);
});

test.each([
  ['in the address', 'Basic dTpwOnA=', {}],
  ['in the environment', 'Basic dTpw', { MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p' }],
  ['as a token', 'Bearer abc', { MLFLOW_TRACKING_TOKEN: 'abc' }],
])('credentials %s', async (where, authorization, env: Record<string, string>) => {
  tracker.authorization = authorization;
  const trackingUri = where === 'in the address' ? server.url.replace('//', '//u:p%3Ap@') : server.url;
  const run = makeLoggedRun([makeHook({ trackingUri }, { readEnv: (name) => env[name] })]);
  await run.run();
  expect(tracker.points()).toHaveLength(4);
  expect(run.notices).toEqual([]);
});

test('the address comes from the environment too; none, or one of another kind, is told at its place', () => {
  const build = (cfg: object, env?: string): unknown =>
    makeContext({ readEnv: () => env }).build(
      'HOOKS',
      { type: 'MlflowLoggerHook', ...cfg },
      'log_config.hooks[0]',
    );
  expect(build({}, server.url)).toBeInstanceOf(MlflowLoggerHook);
  expect(() => build({})).toThrow(
    expect.objectContaining({
      path: 'log_config.hooks[0]',
      code: 'missing-argument',
      message: 'MlflowLoggerHook: tracking_uri must name the MLflow server, but there is none',
    }),
  );
  expect(() => build({ tracking_uri: './mlruns' })).toThrow(
    expect.objectContaining({ path: 'log_config.hooks[0].tracking_uri', code: 'bad-value' }),
  );
});

test('NaN and infinities are told as MLflow reads them', async () => {
  const run = makeLoggedRun([makeHook()], {
    before: (iter) => {
      if (iter % 5 === 4) run.runner.logBuffer.update({ bad: NaN, big: Infinity });
    },
  });
  await run.run();
  expect(at(tracker.points(), 0).values).toMatchObject({ 'train/bad': 'NaN', 'train/big': 'Infinity' });
});

/** A run of 20 records of which those in `bad` hold what makes the server refuse them. */
function runWith(
  bad: Readonly<Record<string, number>>,
  args: Parameters<typeof makeHook>[0] = {},
): LoggedRun {
  const run = makeLoggedRun([makeHook({ interval: 1, ...args })], {
    before: (iter) => {
      if (iter === 6) run.runner.logBuffer.update(bad);
    },
  });
  return run;
}

/** Steps that the server has of a metric. */
function stepsOf(key: string): number[] {
  return tracker.points().flatMap(({ step, values }) => (key in values ? [step] : []));
}

const ALL_STEPS = Array.from({ length: 20 }, (_, i) => i + 1);

test("names are spelled so that MLflow takes them, each told once; a parameter's and a tag's too", async () => {
  const names = {
    'AR@100': 1,
    'AR@100.': 2,
    'mAP(0.5)': 3,
    'a//b/../c': 4,
    AR_at_100: 5,
    größe: 6,
    ['x'.repeat(300)]: 7,
  };
  const run = makeLoggedRun([makeHook({ interval: 1, params: { 'lr@0': 1 }, tags: { 'who?': 'me' } })], {
    before: () => run.runner.logBuffer.update(names),
  });
  await run.run();
  expect(stepsOf('train/loss')).toEqual(ALL_STEPS);
  const [point] = tracker.points();
  const keys = Object.keys(point?.values ?? {});
  expect(keys).toEqual(
    expect.arrayContaining(['train/AR_at_100', 'train/mAP_0.5_', 'train/a/b/_/c', 'train/größe']),
  );
  expect(new Set(keys).size).toBe(2 + 2 + 7);
  expect([...(tracker.runs[0]?.params ?? [])]).toEqual([['lr_at_0', '1']]);
  expect(tracker.runs[0]?.tags.get('who_')).toBe('me');
  expect(run.lines.filter((line) => line.includes("'train/AR@100' as 'train/AR_at_100'"))).toHaveLength(1);
});

test('a metric that the server refuses is left out with one warning, and the rest goes on', async () => {
  tracker.refusesNaN = true;
  const run = runWith({ bad: NaN });
  await run.run();
  expect(stepsOf('train/loss')).toEqual(ALL_STEPS);
  expect(stepsOf('train/bad')).toEqual([]);
  expect(tracker.ended()).toBe('FINISHED');
  expect(run.lines.filter((line) => line.includes("MLflow refuses 'train/bad' at step 7"))).toHaveLength(1);
  expect(run.notices).toEqual([]);
  expect(await run.fs.list('w/unsent')).toEqual([]);
});

test.each([250, 500, 6000])('parameters beyond a limit of %i characters are cut and told', async (limit) => {
  tracker.maxParamChars = limit;
  const run = makeLoggedRun([
    makeHook({ params: { short: 'a', long: 'b'.repeat(9000), last: 'c' }, tags: { t: 'd'.repeat(9000) } }),
  ]);
  await run.run();
  const lengths = [...(tracker.runs[0]?.params ?? [])].map(([key, value]) => [key, value.length]);
  expect(Object.fromEntries(lengths)).toEqual({ short: 1, long: limit, last: 1 });
  expect(tracker.runs[0]?.tags.get('t')).toHaveLength(5000);
  expect(tracker.points()).toHaveLength(4);
  expect(run.lines.join('\n')).toContain(`the first ${limit} characters of the parameter 'long'`);
});

test('a parameter that has another value on the server is left out', async () => {
  const hook = makeHook({ params: { a: 1, b: 2 } });
  await makeLoggedRun([hook]).run();
  tracker.runs[0]?.params.set('a', '7');
  const again = makeHook({ params: { a: 1, b: 2 } });
  again.loadStateDict(hook.stateDict() ?? {});
  const run = makeLoggedRun([again]);
  await run.run();
  expect([...(tracker.runs[0]?.params ?? [])]).toEqual([
    ['a', '7'],
    ['b', '2'],
  ]);
  expect(run.lines.join('\n')).toContain("MLflow refuses the parameter 'a', which is left out");
  expect(tracker.ended()).toBe('FINISHED');
});

test('a run that the server no longer takes is told once, and its records stay', async () => {
  tracker.isRunDeleted = true;
  const run = makeLoggedRun([makeHook()]);
  await run.run();
  expect(run.notices.map(({ code }) => code)).toEqual(['logger-refused', 'logger-unsent']);
  expect(run.notices[0]?.message).toContain("must be in the 'active' state");
  expect(server.requests.length).toBeLessThan(10);
});
