import { describe, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { checkpointsOf, checkpointsToResume } from './autoResume.ts';
import { autoScaleLr } from '../plan/autoScaleLr.ts';

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

describe('autoScaleLr', () => {
  const told = (
    autoScale: unknown,
    batchSize: number,
    isAsked = false,
    lr = 0.02,
  ): { lr: unknown; lines: string[]; isSame: boolean } => {
    const lines: string[] = [];
    const dict = { optimizer: { type: 'SGD', lr }, auto_scale_lr: autoScale };
    const scaled = autoScaleLr(dict, batchSize, (line) => lines.push(line), isAsked);
    return { lr: scaled.optimizer.lr, lines, isSame: scaled === dict };
  };

  test("scales linearly, with MMDetection's lines", () => {
    expect(told({ enable: true, base_batch_size: 16 }, 4)).toEqual({
      lr: 0.005,
      lines: [
        'Training with 1 GPU(s) with 4 samples per GPU. The total batch size is 4.',
        'LR has been automatically scaled from 0.02 to 0.005',
      ],
      isSame: false,
    });
    expect(told({ enable: true, base_batch_size: 16 }, 16).lines[1]).toBe(
      'The batch size match the base batch size: 16, will not scaling the LR (0.02).',
    );
  });

  test('numbers are written as Python writes them', () => {
    const cfg = { enable: true, base_batch_size: 16 };
    expect(told(cfg, 1, false, 0.00016).lines[1]).toBe(
      'LR has been automatically scaled from 0.00016 to 1e-05',
    );
    expect(told(cfg, 64, false, 1).lines[1]).toBe('LR has been automatically scaled from 1 to 4.0');
    expect(told(cfg, 16, false, 1e-5).lines[1]).toContain('the LR (1e-05).');
  });

  test('off unless enabled; --auto-scale-lr enables a complete one', () => {
    const off = told({ enable: false, base_batch_size: 16 }, 4);
    expect(off).toEqual({
      lr: 0.02,
      lines: ['Automatic scaling of learning rate (LR) has been disabled.'],
      isSame: true,
    });
    expect(told({ enable: false, base_batch_size: 16 }, 4, true).lr).toBe(0.005);
    const incomplete = told({ base_batch_size: 16 }, 4, true);
    expect(incomplete.lr).toBe(0.02);
    expect(incomplete.lines[0]).toContain('Can not find "auto_scale_lr"');
  });
});
