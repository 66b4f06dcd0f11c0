import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { FakeMlflow } from '../runner/hooks/logger/testing/trackers.ts';
import { TrackingServer } from '../runner/hooks/logger/testing/trackingServer.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { RunControl } from '../runner/runControl.ts';
import { train } from './train.ts';
import { workspaceWith } from './testing/shortRun.ts';

await testAdapter();

const SECRET = 'hunter2xyz';

async function filesWith(fs: FileSystem, folder: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name, kind } of await fs.list(folder)) {
    const path = `${folder}/${name}`;
    if (kind === 'directory') found.push(...(await filesWith(fs, path, text)));
    else if (new TextDecoder('latin1').decode(await fs.readFile(path)).includes(text)) found.push(path);
  }
  return found;
}

test('a password in tracking_uri and a token in params reach the server alone', async () => {
  const tracker = new FakeMlflow();
  tracker.authorization = `Basic ${btoa(`me:${SECRET}`)}`;
  const server = new TrackingServer((request) => tracker.handle(request));
  await server.start();
  const hook = {
    type: 'MlflowLoggerHook',
    tracking_uri: server.url.replace('//', `//me:${SECRET}@`),
    params: { api_key: SECRET, lr: 0.1 },
  };
  const fs = workspaceWith({ 'configs/learn/tracked.py': "_base_ = './short_run.py'\n" });
  const events: RunEvent[] = [];
  const { workDir } = await train({
    configPath: 'workspace/configs/learn/tracked.py',
    cfgOptions: {
      log_config: { interval: 1, hooks: [{ type: 'TextLoggerHook' }, hook] },
      checkpoint_config: { interval: 1 },
      'runner.max_epochs': 1,
    },
    fs,
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    control: new RunControl(),
    onEvent: (event) => void events.push(event),
  });
  await server.stop();
  expect(tracker.ended()).toBe('FINISHED');
  expect(Object.fromEntries(tracker.runs[0]?.params ?? [])).toEqual({ api_key: '***', lr: '0.1' });
  expect((await fs.list(workDir)).map(({ name }) => name)).toContain('epoch_1.pth');
  expect(await filesWith(fs, workDir, SECRET)).toEqual([]);
  expect(await filesWith(fs, workDir, '//***@127.0.0.1')).not.toEqual([]);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

test('an address that is refused is told without its password', async () => {
  const hook = { type: 'MlflowLoggerHook', tracking_uri: `postgresql://me:${SECRET}@db/mlflow` };
  const events: RunEvent[] = [];
  const job = train({
    configPath: 'workspace/configs/learn/short_run.py',
    cfgOptions: { log_config: { interval: 1, hooks: [hook] } },
    fs: workspaceWith({}),
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    control: new RunControl(),
    onEvent: (event) => void events.push(event),
  });
  await expect(job).rejects.toThrow(/postgresql:\/\/\*\*\*@db/);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});
