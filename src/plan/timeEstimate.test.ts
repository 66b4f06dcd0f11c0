// The plan's time comes from a run that took place: a real one is recorded here.

import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { shortRun } from '../run/testing/shortRun.ts';
import type { Plan } from '../contracts/plan.ts';
import { planRun } from './plan.ts';

await testAdapter();

const CONFIG = "_base_ = ['./short_run.py']\nlog_config = dict(interval=1)\n";

test('the time per iteration is that of the newest run of the same model, batch and data', async () => {
  const { fs, workDir } = await shortRun('configs/learn/mine.py', { 'configs/learn/mine.py': CONFIG });
  const plan = async (more: string): Promise<Plan> => {
    await fs.writeFile('workspace/configs/learn/mine.py', `${CONFIG}${more}\n`);
    return planRun({
      fs,
      decodeImage: () => Promise.reject(new Error('no pictures here')),
      configPath: 'workspace/configs/learn/mine.py',
    });
  };
  const log = (await fs.list(workDir)).find(({ name }) => name.endsWith('.log.json'))?.name ?? '';
  const logged = [...(await fs.readText(`${workDir}/${log}`)).matchAll(/"time": ([\d.]+)/g)].map(([, time]) =>
    Number(time),
  );
  const { secondsPerIter, timedBy } = await plan('');
  expect(timedBy).toBe(workDir);
  expect(logged).toContain(secondsPerIter);
  expect(secondsPerIter).toBeLessThanOrEqual(Math.max(...logged));
  // What changes nothing of the work of an iteration.
  expect(await plan('optimizer = dict(lr=0.1)\nrunner = dict(max_epochs=50)')).toMatchObject({
    timedBy: workDir,
  });
  // What does.
  for (const other of ['data = dict(samples_per_gpu=3)', 'model = dict(bbox_head=dict(stacked_convs=3))'])
    expect(await plan(other)).toMatchObject({ secondsPerIter: null, timedBy: null });
  // A newer run whose files are damaged doesn't count.
  const newer = `${workDir.slice(0, workDir.lastIndexOf('/'))}/29990101_000000`;
  await fs.writeFile(`${newer}/mine.py`, 'model = (\n');
  expect(await plan('')).toMatchObject({ secondsPerIter, timedBy: workDir });
}, 60_000);

test('without a run there is none', async () => {
  const { fs } = await shortRun('configs/learn/other.py', { 'configs/learn/other.py': CONFIG });
  await fs.writeFile('workspace/configs/learn/mine.py', CONFIG);
  const plan = await planRun({
    fs,
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    configPath: 'workspace/configs/learn/mine.py',
  });
  expect(plan).toMatchObject({ secondsPerIter: null, timedBy: null });
}, 60_000);
