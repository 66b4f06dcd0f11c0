// Resuming with another optimizer, batch size or length than the run that wrote the checkpoint.

import { expect, test } from 'vitest';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { RunControl } from '../runner/runControl.ts';
import { workspaceWith } from './testing/shortRun.ts';
import { train, type TrainJob } from './train.ts';

await testAdapter();

const CONFIG = 'workspace/configs/my/run.py';
const FIRST = `_base_ = ['../learn/short_run.py']
data = dict(samples_per_gpu=2, train=dict(num_images=16))
optimizer = dict(_delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(_delete_=True, grad_clip=None)
lr_config = dict(_delete_=True, policy='CosineAnnealing', min_lr=0, by_epoch=False)
log_config = dict(interval=1)
checkpoint_config = dict(interval=1)
runner = dict(_delete_=True, type='EpochBasedRunner', max_epochs=1)
evaluation = None
`;

interface Ran {
  readonly log: string;
  readonly lrs: readonly number[];
  readonly error: unknown;
}

async function run(fs: FileSystem, config: string, job: Partial<TrainJob> = {}): Promise<Ran> {
  await fs.writeFile(CONFIG, config);
  const events: RunEvent[] = [];
  let error: unknown = null;
  await train({
    configPath: CONFIG,
    fs,
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    control: new RunControl(),
    workDir: 'work_dirs/run/a',
    ...job,
    onEvent: (event) => void events.push(event),
  }).catch((cause: unknown) => (error = cause));
  const log = events.map((event) => (event.name === 'run.logged' ? event.line : '')).join('\n');
  const lrs = [...log.matchAll(/\blr: ([\d.e+-]+),/g)].map(([, lr]) => Number(lr));
  return { log, lrs, error };
}

const RESUMED = { resumeFrom: 'work_dirs/run/a/epoch_1.pth', workDir: 'work_dirs/run/b' };

test('changed options, batch size and length: said, with the numbers of MMCV or of the config', async () => {
  const fs = workspaceWith({ 'configs/my/run.py': FIRST });
  const first = await run(fs, FIRST.replace('max_epochs=1', 'max_epochs=4'), {
    cfgOptions: { 'runner.max_epochs': 1 },
  });
  expect(first.error).toBeNull();
  expect(first.lrs).toHaveLength(8);
  const longer = FIRST.replace('max_epochs=1', 'max_epochs=4').replace("'CosineAnnealing'", "'fixed'");
  const fixed = longer.replace(', min_lr=0', '');

  const changed = fixed.replace('lr=0.02', 'lr=0.01').replace('weight_decay=0.0001', 'weight_decay=0.001');
  const kept = await run(fs, changed, { ...RESUMED, cfgOptions: { 'runner.max_epochs': 2 } });
  expect(kept.error).toBeNull();
  expect(kept.log).toContain('optimizer.lr=0.01 has no effect: the resumed optimizer has 0.02');
  expect(kept.log).toContain('optimizer.weight_decay=0.001 has no effect: the resumed optimizer has 0.0001');
  expect(kept.log).not.toContain('optimizer.momentum');
  expect(new Set(kept.lrs)).toEqual(new Set([0.02]));

  const taken = await run(fs, changed, {
    ...RESUMED,
    workDir: 'work_dirs/run/c',
    resumeOptimizer: 'config',
    cfgOptions: { 'runner.max_epochs': 2 },
  });
  expect(taken.log).not.toContain('has no effect');
  expect(new Set(taken.lrs)).toEqual(new Set([0.01]));

  const batch = FIRST.replace('max_epochs=1', 'max_epochs=4').replace(
    'samples_per_gpu=2',
    'samples_per_gpu=8',
  );
  const grown = await run(fs, batch, { ...RESUMED, workDir: 'work_dirs/run/d' });
  expect(grown.error).toBeNull();
  expect(grown.log).toContain(
    'an epoch had 8 iterations (2 pictures each) when the checkpoint was written, now it has 2 (8 pictures each): progress is kept by epochs, iteration 8 becomes 2',
  );
  expect(grown.log).not.toContain('has no effect');
  // 0.02 (1 + cos(pi i / 8)) / 2 for i = 2 … 7
  const cosine = [2, 3, 4, 5, 6, 7].map((i) => 0.01 * (1 + Math.cos((Math.PI * i) / 8)));
  expect(cosine[0]).toBeCloseTo(1.707e-2, 5);
  expect(grown.lrs).toHaveLength(6);
  for (const [i, lr] of grown.lrs.entries()) expect(lr).toBeCloseTo(cosine[i] ?? NaN, 4);
}, 120_000);

test('a finished run has nothing left to train: it says what to raise, and its folder stays as it is', async () => {
  const fs = workspaceWith({ 'configs/my/run.py': FIRST });
  await run(fs, FIRST);
  const names = async (): Promise<string[]> => (await fs.list('work_dirs/run/a')).map(({ name }) => name);
  const before = await names();
  const again = await run(fs, FIRST, { autoResume: true });
  expect(again.error).toBeNull();
  expect(again.log).toContain('nothing is left to train');
  expect(again.log).toContain('raise runner.max_epochs to train on');
  expect(await names()).toEqual(before);
}, 60_000);
