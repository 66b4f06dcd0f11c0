import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cocoEval } from './cocoEval.ts';

async function warningsOf(ids: readonly number[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coco-eval-'));
  try {
    const [gt, dt] = [join(folder, 'gt.json'), join(folder, 'dt.json')];
    const box = { image_id: 1, category_id: 1, bbox: [0, 0, 50, 50] };
    const annotations = ids.map((id) => ({ ...box, id, area: 2500, iscrowd: 0 }));
    const images = [{ id: 1, width: 100, height: 100, file_name: 'a.jpg' }];
    await writeFile(gt, JSON.stringify({ images, annotations, categories: [{ id: 1, name: 'a' }] }));
    await writeFile(dt, JSON.stringify([{ ...box, score: 0.9 }]));
    const warnings: string[] = [];
    expect(JSON.parse(await cocoEval(gt, dt, (text) => warnings.push(text)))).toHaveLength(12);
    return warnings.map((text) => text.replace(folder, ''));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('annotation ids that spoil pycocotools’ numbers are told', async () => {
  expect(await warningsOf([1, 2])).toEqual([]);
  expect(await warningsOf([0, 7, 7])).toEqual([
    expect.stringContaining(
      'gt.json must give every annotation its own id, but 1 id comes more than once: 7',
    ),
    expect.stringContaining('gt.json has an annotation with id 0'),
  ]);
});
