import { expect, test } from 'vitest';
import { writeRunRecord, type RunRecord } from '../run/runRecord.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { MAX_MEASURES, parseLogJson } from './measureLog.ts';
import { listRuns, readRun } from './runHistory.ts';

const RECORD: RunRecord = {
  version: 1,
  configName: 'tiny',
  configPath: 'workspace/configs/tiny.py',
  status: 'finished',
  startedMs: 1000,
  endedMs: 2000,
  classes: ['circle'],
  itersPerEpoch: 50,
  maxEpochs: 4,
  maxIters: 200,
  adapter: 'Test GPU',
  seed: 0,
  resumedFrom: null,
  message: null,
};
const DIR = 'work_dirs/tiny/20261123_160000';

test('.log.json: iterations are counted over the run, the head and broken lines are left out', () => {
  const text = [
    '{"env_info": "tabtrain", "seed": 0}',
    '{"mode": "train", "epoch": 1, "iter": 10, "lr": 0.01, "loss": 1.5}',
    '{"mode": "train", "epoch": 2, "iter": 10, "lr": 0.01, "loss": NaN, "note": "x"}',
    '{"mode": "val", "epoch": 2, "iter": 7, "lr": 0.01, "bbox_mAP": 0.25}',
    '{"mode": "train", "epoch": 3, "it',
  ].join('\n');
  expect(parseLogJson(text, 50)).toEqual([
    { mode: 'train', epoch: 1, iter: 10, values: { lr: 0.01, loss: 1.5 } },
    { mode: 'train', epoch: 2, iter: 60, values: { lr: 0.01 } },
    { mode: 'val', epoch: 2, iter: 100, values: { lr: 0.01, bbox_mAP: 0.25 } },
  ]);
});

test('runs are found at any depth, newest first; one cut off is interrupted, the live one is not', async () => {
  const fs = createMemoryFs();
  await writeRunRecord(fs, DIR, { ...RECORD, status: 'running', startedMs: 10 });
  await writeRunRecord(fs, 'work_dirs/exp/a/20261123_170000', {
    ...RECORD,
    status: 'running',
    startedMs: 30,
  });
  await writeRunRecord(fs, 'work_dirs/tiny/20261123_150000', { ...RECORD, startedMs: 20 });
  await fs.writeFile('work_dirs/tiny/broken/run.json', '{"version": 1, "st');
  const runs = await listRuns(fs, DIR);
  expect(runs.map((run) => [run.workDir, run.status])).toEqual([
    ['work_dirs/exp/a/20261123_170000', 'interrupted'],
    ['work_dirs/tiny/20261123_150000', 'finished'],
    [DIR, 'running'],
  ]);
});

test('a run is read back: curves, log, checkpoints; a resumed part takes the place of what it went over again', async () => {
  const fs = createMemoryFs();
  await writeRunRecord(fs, DIR, RECORD);
  await fs.writeFile(`${DIR}/20261123_160000.log.json`, train(1, 10, 3) + train(1, 50, 2) + train(2, 10, 9));
  await fs.writeFile(`${DIR}/20261123_163000.log.json`, train(2, 10, 1) + train(2, 50, 0.5));
  await fs.writeFile(`${DIR}/20261123_160000.log`, 'one\ntwo\n');
  await fs.writeFile(`${DIR}/20261123_163000.log`, 'three\n');
  await fs.writeFile(`${DIR}/epoch_2.pth`, 'xx');
  await fs.writeFile(`${DIR}/iter_120.pth`, 'xxx');
  await fs.writeFile(`${DIR}/latest.pth`, 'xxx');
  const history = await readRun(fs, DIR, null);
  expect(history.measures.map((m) => [m.iter, m.values.loss])).toEqual([
    [10, 3],
    [50, 2],
    [60, 1],
    [100, 0.5],
  ]);
  expect(history.log).toEqual(['one', 'two', 'three']);
  const { checkpoints } = history.summary;
  expect(checkpoints.map((c) => [c.path, c.bytes, c.epoch, c.iter])).toEqual([
    [`${DIR}/epoch_2.pth`, 2, 2, 100],
    [`${DIR}/iter_120.pth`, 3, null, 120],
  ]);
  expect(history.classes).toEqual(['circle']);
});

test('a folder without a run is told by its path', async () => {
  await expect(readRun(createMemoryFs(), 'work_dirs/none', null)).rejects.toMatchObject({
    code: 'not-found',
    path: 'work_dirs/none',
  });
});

test('a run of 150,000 records and 20 MB of text opens within seconds; first, last and extremes stay', async () => {
  const fs = createMemoryFs();
  const records = 150_000;
  await writeRunRecord(fs, DIR, { ...RECORD, itersPerEpoch: records });
  const lossAt = (iter: number): number => (iter === 70_001 ? 99 : iter === 80_002 ? -5 : 1 + (iter % 7));
  const lines = Array.from({ length: records }, (_, i) => train(1, i + 1, lossAt(i + 1)));
  await fs.writeFile(`${DIR}/a.log.json`, lines.join(''));
  const line = `${'x'.repeat(99)}\n`;
  await fs.writeFile(`${DIR}/a.log`, new TextEncoder().encode(line.repeat(200_000)));
  const start = performance.now();
  const { measures, log } = await readRun(fs, DIR, null);
  // Under 1.6 s alone, several times that where other work shares the cores.
  expect(performance.now() - start).toBeLessThan(30_000);
  const losses = new Map(measures.map(({ iter, values }) => [iter, values.loss]));
  expect([losses.get(1), losses.get(70_001), losses.get(80_002)]).toEqual([2, 99, -5]);
  expect(measures.at(-1)?.iter).toBe(records);
  expect(measures.length).toBeLessThanOrEqual(MAX_MEASURES + 2);
  expect(measures.length).toBeGreaterThan(MAX_MEASURES / 4);
  expect(log.length).toBeLessThan(5000);
}, 60_000);

function train(epoch: number, iter: number, loss: number): string {
  return `${JSON.stringify({ mode: 'train', epoch, iter, loss })}\n`;
}
