import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
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

async function writeCheckpoint(fs: FileSystem, path: string, seed: number, value = 1): Promise<void> {
  const weight = new TorchTensor({ shape: [1], dtype: 'float32', data: Float32Array.of(value) });
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
  expect((await openResumed({ fs }, { auto_resume: 1 }, workDir, logger))?.path).toBe(found?.path);
  expect(await openResumed({ fs }, { auto_resume: 0 }, workDir, logger)).toBeNull();
  expect(lines.slice(1)).toEqual(lines.slice(0, 1));
  expect(lines.slice(0, 1)).toEqual([
    'INFO - auto_resume: going on from work_dirs/a/20260101_000000/epoch_1.pth',
  ]);
  await openResumed({ fs, seed: 6 }, { resume_from: found?.path }, workDir, logger);
  expect(lines.at(-1)).toContain('had seed 5, this one has 6');
  expect(await openResumed({ fs, autoResume: true }, {}, 'work_dirs/b/20260102_000000', logger)).toBeNull();
  expect(lines.at(-1)).toBe('INFO - auto_resume: this config has no checkpoint yet, the run begins anew');
  expect(await openResumed({ fs }, {}, workDir, logger)).toBeNull();
});

const BROKEN = `
model = dict(type='RetinaNet')
data = dict(samples_per_gpu=2, train=dict(type='ShapesDataset', num_images=0, pipeline=[]))
optimizer = dict(type='SGD', lr=0.01)
total_epochs = 1
seed = 3
`;

test('a run that fails while it is built leaves a record and a log, and says why once', async () => {
  const fs = createMemoryFs({ 'workspace/configs/broken.py': BROKEN });
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

test('a work_dir that is a file ends the run at its key, before anything is made', async () => {
  const fs = createMemoryFs({ 'workspace/mine.py': `${BROKEN}work_dir = 'out.txt'\n`, 'out.txt': 'x' });
  const job = {
    configPath: 'workspace/mine.py',
    fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    control: new RunControl(),
    onEvent: () => undefined,
  };
  await expect(train(job)).rejects.toMatchObject({
    message: "work_dir must name a folder, but 'out.txt' is a file",
    path: 'work_dir',
    span: { line: 7 },
  });
  // Another folder was asked for: it is not looked at.
  await expect(train({ ...job, workDir: 'w' })).rejects.not.toMatchObject({ path: 'work_dir' });
});

describe("a run's own checkpoints, for Resume", () => {
  const run = 'work_dirs/a/20260101_000000';
  const logger = createLogger(createMemoryFs(), 'w/t.log', () => undefined);
  const open = async (fs: FileSystem): Promise<string | undefined> =>
    (await openResumed({ fs, autoResume: 'own' }, {}, run, logger))?.path;

  test('the newest whole and finite one, whatever was written last', async () => {
    const fs = createMemoryFs();
    for (const name of ['epoch_2', 'epoch_1', 'best_bbox_mAP_epoch_1'])
      await writeCheckpoint(fs, `${run}/${name}.pth`, 5);
    await writeCheckpoint(fs, `${run}/epoch_3.pth`, 5, NaN);
    await fs.writeFile(`${run}/epoch_4.pth`, 'PK');
    expect(await open(fs)).toBe(`${run}/epoch_2.pth`);
  });

  test('one of the best where there is no other', async () => {
    const fs = createMemoryFs();
    await fs.writeFile(`${run}/epoch_1.pth`, 'PK');
    await writeCheckpoint(fs, `${run}/best_bbox_mAP_epoch_1.pth`, 5);
    expect(await open(fs)).toBe(`${run}/best_bbox_mAP_epoch_1.pth`);
  });

  test("never another run's: without one of its own it is an error", async () => {
    const fs = createMemoryFs();
    await writeCheckpoint(fs, 'work_dirs/a/20250101_000000/epoch_1.pth', 5);
    await expect(open(fs)).rejects.toMatchObject({ code: 'not-found', path: run });
  });
});

test('what was read of a checkpoint is handed over once, and not kept', async () => {
  const fs = createMemoryFs();
  await writeCheckpoint(fs, 'epoch_1.pth', 5);
  const logger = createLogger(fs, 'w/t.log', () => undefined);
  const resumed = await openResumed({ fs, resumeFrom: 'epoch_1.pth' }, {}, 'work_dirs/a', logger);
  setFlagsFromString('--expose_gc');
  const gc = runInNewContext('gc') as () => void;
  const read = new WeakRef(resumed?.take() ?? {});
  // What a job has made a weak reference to stays until the job's end.
  await new Promise((done) => setTimeout(done));
  gc();
  expect(read.deref()).toBeUndefined();
  expect(resumed?.path).toBe('epoch_1.pth');
});
