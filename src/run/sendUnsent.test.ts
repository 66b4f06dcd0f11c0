import { afterEach, beforeEach, expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { MlflowLoggerHook } from '../runner/hooks/logger/mlflow.ts';
import { makeContext, makeLoggedRun, TEST_PACE } from '../runner/hooks/logger/testing/loggedRun.ts';
import { FakeMlflow, FakeWandb } from '../runner/hooks/logger/testing/trackers.ts';
import { TrackingServer } from '../runner/hooks/logger/testing/trackingServer.ts';
import { WandbLoggerHook } from '../runner/hooks/logger/wandb.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { sendUnsent } from './sendUnsent.ts';
import { at } from '../util/at.ts';

await testAdapter();

const PACE = { ...TEST_PACE, flushMs: 60, stopMs: 60 };
const ENV: Readonly<Record<string, string>> = {
  WANDB_API_KEY: FakeWandb.key,
  MLFLOW_TRACKING_USERNAME: 'u',
  MLFLOW_TRACKING_PASSWORD: 'p',
};

const wandb = new FakeWandb();
const mlflow = new FakeMlflow();
const servers = [wandb, mlflow].map((tracker) => new TrackingServer((request) => tracker.handle(request)));
beforeEach(async () => {
  for (const server of servers) await server.start();
});
afterEach(async () => {
  for (const server of servers) await server.stop();
});

/** A run with both loggers, whose servers are away. */
async function runAlone(): Promise<FileSystem> {
  mlflow.authorization = 'Basic dTpw';
  for (const server of servers) await server.stop();
  const context = makeContext({ readEnv: (name) => ENV[name] });
  const initKwargs = { project: 'boxes', settings: { base_url: at(servers, 0).url } };
  const fs = createMemoryFs({ 'w/epoch_2.pth': new Uint8Array(7) });
  const run = makeLoggedRun(
    [
      new WandbLoggerHook({ interval: 1, initKwargs, outSuffix: '.pth' }, context, PACE),
      new MlflowLoggerHook({ interval: 1, trackingUri: at(servers, 1).url }, context, PACE),
    ],
    { fs },
  );
  run.runner.meta.hook_msgs = { last_ckpt: 'w/epoch_2.pth' };
  await run.run();
  for (const server of servers) await server.start();
  return fs;
}

test('delivers records, end and files of finished runs to both services; what is refused stays', async () => {
  const fs = await runAlone();
  expect(await fs.list('w/unsent')).toHaveLength(2);
  const lines: string[] = [];
  const job = {
    fs,
    workDir: 'w',
    log: (line: string) => void lines.push(line),
    pace: { ...PACE, flushMs: 3000 },
  };

  // Nobody gives the keys: they are in no file.
  expect(await sendUnsent({ ...job, readEnv: () => undefined })).toBe(44);
  expect(lines.join('\n')).toContain('set WANDB_API_KEY to a key from');
  expect(lines.join('\n')).toContain('check MLFLOW_TRACKING_USERNAME');
  expect(await fs.list('w/unsent')).toHaveLength(2);

  lines.length = 0;
  expect(await sendUnsent({ ...job, readEnv: (name) => ENV[name] })).toBe(0);
  for (const tracker of [wandb, mlflow]) expect(tracker.points()).toHaveLength(20);
  expect([wandb.ended(), mlflow.ended()]).toEqual(['exit code 0', 'FINISHED']);
  expect([...wandb.files.keys()]).toEqual(['epoch_2.pth']);
  expect([...mlflow.artifacts.values()]).toEqual([7]);
  expect(await fs.list('w/unsent')).toEqual([]);
  expect(lines.filter((line) => line.includes('22 of 22 records delivered'))).toHaveLength(2);

  expect(await sendUnsent({ ...job, readEnv: () => undefined })).toBe(0);
  expect(lines.at(-1)).toBe('there are no unsent records in w/unsent');
});

test('a folder that is not there is the input at fault; a damaged file is told and left alone', async () => {
  const lines: string[] = [];
  const job = { readEnv: () => undefined, log: (line: string) => void lines.push(line), pace: PACE };
  await expect(sendUnsent({ ...job, fs: createMemoryFs(), workDir: 'x' })).rejects.toMatchObject({
    message: 'x must be the work dir of a run, but there is no such folder',
    isInputError: true,
  });
  const fs = createMemoryFs({ 'w/unsent/a.jsonl': '{"kind": "row"}\n' });
  expect(await sendUnsent({ ...job, fs, workDir: 'w' })).toBe(1);
  expect(lines[0]).toContain('w/unsent/a.jsonl must begin with the run');
  expect(await fs.readText('w/unsent/a.jsonl')).toBe('{"kind": "row"}\n');
});
