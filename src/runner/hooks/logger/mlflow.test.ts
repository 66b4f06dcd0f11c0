import { afterEach, beforeEach, expect, test } from 'vitest';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import type { RunServices } from '../../../registry/index.ts';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import { MlflowLoggerHook } from './mlflow.ts';
import { makeContext, makeLoggedRun, TEST_PACE } from './testing/loggedRun.ts';
import { FakeMlflow } from './testing/trackers.ts';
import { TrackingServer } from './testing/trackingServer.ts';

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
  const [run] = tracker.runs;
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
  expect(tracker.points()[0].values).toMatchObject({ 'train/bad': 'NaN', 'train/big': 'Infinity' });
});
