import { describe, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { bestCheckpointsOf, checkpointsOf, checkpointsToResume, ownCheckpoints } from './foundCheckpoints.ts';

async function all(paths: AsyncGenerator<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const path of paths) found.push(path);
  return found;
}

describe('checkpointsOf', () => {
  test('the highest number; best ones and other files do not count', async () => {
    const fs = createMemoryFs();
    for (const name of [
      'epoch_9.pth',
      'epoch_10.pth',
      'best_bbox_mAP_epoch_11.pth',
      'x.json',
      '.epoch_12.pth.partial',
    ])
      await fs.writeFile(`w/${name}`, '');
    expect(await checkpointsOf(fs, 'w')).toEqual(['w/epoch_10.pth', 'w/epoch_9.pth']);
    expect(await checkpointsOf(fs, 'nowhere')).toEqual([]);
  });

  test('what latest.pth points to, or where there are no links, what last_checkpoint names, also in a moved folder', async () => {
    const fs = createMemoryFs();
    for (const name of ['epoch_9.pth', 'epoch_10.pth']) await fs.writeFile(`w/${name}`, '');
    await fs.link?.('epoch_9.pth', 'w/latest.pth');
    expect(await checkpointsOf(fs, 'w')).toEqual(['w/epoch_9.pth', 'w/epoch_10.pth']);
    const linkless = createMemoryFs();
    for (const name of ['iter_3.pth', 'iter_4.pth']) await linkless.writeFile(`v/${name}`, '');
    await linkless.writeFile('v/last_checkpoint', 'old/place/iter_3.pth\n');
    expect(await checkpointsOf(linkless, 'v')).toEqual(['v/iter_3.pth', 'v/iter_4.pth']);
  });

  test('epochs and iterations are put in order by when they were written', async () => {
    const fs = createMemoryFs();
    for (const name of ['epoch_1.pth', 'iter_1500.pth', 'epoch_2.pth']) {
      await fs.writeFile(`w/${name}`, '');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await checkpointsOf(fs, 'w')).toEqual(['w/epoch_2.pth', 'w/iter_1500.pth', 'w/epoch_1.pth']);
  });
});

test('checkpointsToResume: the own folder first, then the runs beside it, the newest first', async () => {
  const fs = createMemoryFs();
  expect(await all(checkpointsToResume(fs, 'work_dirs/a/20260103_000000'))).toEqual([]);
  await fs.writeFile('work_dirs/a/20260101_000000/epoch_7.pth', '');
  await fs.writeFile('work_dirs/a/20260102_000000/epoch_2.pth', '');
  await fs.writeFile('work_dirs/a/20260103_000000/run.json', '{}');
  await fs.writeFile('work_dirs/a/notes/epoch_99.pth', '');
  const next = 'work_dirs/a/20260104_000000';
  const earlier = ['work_dirs/a/20260102_000000/epoch_2.pth', 'work_dirs/a/20260101_000000/epoch_7.pth'];
  expect(await all(checkpointsToResume(fs, next))).toEqual(earlier);
  await fs.writeFile(`${next}/iter_5.pth`, '');
  expect(await all(checkpointsToResume(fs, next))).toEqual([`${next}/iter_5.pth`, ...earlier]);
});

test('the best ones by when they were written, the newest first; a run goes on from them only where there is no other', async () => {
  const fs = createMemoryFs();
  for (const name of ['best_mAP_epoch_9.pth', 'best_mAP_epoch_10.pth', 'epoch_1.pth', 'best_of.txt']) {
    await fs.writeFile(`w/${name}`, '');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await fs.makeDir('w/best_runs.pth');
  const best = ['w/best_mAP_epoch_10.pth', 'w/best_mAP_epoch_9.pth'];
  expect(await bestCheckpointsOf(fs, 'w')).toEqual(best);
  expect(await all(ownCheckpoints(fs, 'w'))).toEqual(['w/epoch_1.pth', ...best]);
  expect(await bestCheckpointsOf(fs, 'nowhere')).toEqual([]);
});
