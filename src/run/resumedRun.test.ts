import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { createLogger } from '../runner/logger.ts';
import { RunControl } from '../runner/runControl.ts';
import { OrderedMap, TorchTensor, writePth, type PthValue } from '../serialization/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { openResumed } from './resumedRun.ts';
import { readRunRecord } from './runRecord.ts';
import { train } from './train.ts';

await testAdapter();

async function writeCheckpoint(fs: FileSystem, path: string, seed: number): Promise<void> {
  const weight = new TorchTensor({ shape: [1], dtype: 'float32', data: Float32Array.of(1) });
  const content = new Map<string, PthValue>([
    ['state_dict', new OrderedMap<string, PthValue>([['weight', weight]])],
    ['meta', new Map<string, PthValue>([['seed', seed]])],
  ]);
  const writer = await fs.createWriter(path);
  await writePth(content, writer);
  await writer.close();
}

test('a run goes on with the seed of its checkpoint; another one is heard, with a warning', async () => {
  const fs = createMemoryFs();
  await writeCheckpoint(fs, 'work_dirs/a/20260101_000000/epoch_1.pth', 5);
  const lines: string[] = [];
  const logger = createLogger(fs, 'w/t.log', (event) => {
    if (event.name === 'run.logged') lines.push(event.line.replace(/^.* - mmdet - /s, ''));
  });
  const workDir = 'work_dirs/a/20260102_000000';
  const found = await openResumed({ fs }, { auto_resume: true }, workDir, logger);
  expect([found?.path, found?.seed]).toEqual(['work_dirs/a/20260101_000000/epoch_1.pth', 5]);
  expect(lines).toEqual(['INFO - auto_resume: going on from work_dirs/a/20260101_000000/epoch_1.pth']);
  await openResumed({ fs, seed: 6 }, { resume_from: found?.path }, workDir, logger);
  expect(lines.at(-1)).toContain('had seed 5, this one has 6');
  expect(await openResumed({ fs, autoResume: true }, {}, 'work_dirs/b/20260102_000000', logger)).toBeNull();
  expect(lines.at(-1)).toBe('INFO - auto_resume: this config has no checkpoint yet, the run begins anew');
  expect(await openResumed({ fs }, {}, workDir, logger)).toBeNull();
});

test('a run that fails while it is built leaves a record and a log, and says why once', async () => {
  const config = `
model = dict(type='RetinaNet')
data = dict(samples_per_gpu=2, train=dict(type='ShapesDataset', num_images=0, pipeline=[]))
optimizer = dict(type='SGD', lr=0.01)
total_epochs = 1
seed = 3
`;
  const fs = createMemoryFs({ 'workspace/configs/broken.py': config });
  const events: RunEvent[] = [];
  const job = {
    configPath: 'workspace/configs/broken.py',
    fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    control: new RunControl(),
    onEvent: (event: RunEvent) => void events.push(event),
    workDir: 'work_dirs/broken/20260101_000000',
  };
  await expect(train(job)).rejects.toThrow();
  const record = await readRunRecord(fs, job.workDir);
  expect(record).toMatchObject({ status: 'failed', configName: 'broken', configPath: job.configPath });
  const errors = events.filter((event) => event.name === 'run.logged' && event.line.includes(' - ERROR - '));
  expect(errors).toHaveLength(1);
  expect(record?.message).not.toBe('');
  expect(events.at(-1)).toMatchObject({ name: 'run.phaseChanged', phase: 'failed' });
});
