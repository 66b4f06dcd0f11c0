import { describe, expect, test } from 'vitest';
import type { ClassScore } from '../contracts/runEvents.ts';
import type { BboxResult } from '../evaluation/bboxResult.ts';
import type { Dataset } from './dataset.ts';
import { evaluateBoxes } from './evaluateBoxes.ts';
import { ShapesDataset } from './index.ts';
import { testContext } from './testing/context.ts';
import { take } from '../util/at.ts';

const SHAPES = { type: 'ShapesDataset', num_images: 2, pipeline: [] };

/** What a perfect detector finds. */
function truthOf(dataset: Dataset): BboxResult[] {
  return Array.from({ length: dataset.length }, (_, i) => {
    const { bboxes, labels } = dataset.getAnnInfo(i);
    return dataset.CLASSES.map((_name, label) => {
      const rows = [...labels].flatMap((l, n) =>
        l === label ? [...bboxes.subarray(4 * n, 4 * n + 4), 0.9] : [],
      );
      return Float32Array.from(rows);
    });
  });
}

async function open(cfg: object, files: Record<string, string> = {}): Promise<Dataset> {
  const dataset = testContext(files).build<Dataset>('DATASETS', { test_mode: true, ...cfg }, 'data.val');
  await dataset.load();
  return dataset;
}

test('COCO metrics by default, with their lines and the scores of each class', async () => {
  const dataset = await open(SHAPES);
  const lines: string[] = [];
  let scores: readonly ClassScore[] = [];
  const logger = {
    info: (line: string) => void lines.push(line),
    classScores: (all: readonly ClassScore[]) => void (scores = all),
  };
  const metrics = await dataset.evaluate?.(truthOf(dataset), {
    logger,
    classwise: true,
    metricItems: ['mAP'],
  });
  expect(metrics).toMatchObject({ bbox_mAP: 1 });
  expect(metrics).not.toHaveProperty('bbox_mAP_50');
  expect(lines[0]).toBe('\nEvaluating bbox...');
  expect(scores.map(({ name }) => name)).toEqual(dataset.CLASSES);
});

describe('VOCDataset', () => {
  const xml = (b: number[]): string =>
    `<annotation><size><width>64</width><height>48</height></size><object><name>cat</name><bndbox><xmin>${b[0]}</xmin><ymin>${b[1]}</ymin><xmax>${b[2]}</xmax><ymax>${b[3]}</ymax></bndbox></object></annotation>`;

  // One of two cats is found: precision 1 up to recall 1/2. The area below is 1/2; six of the eleven points are reached.
  test.each([
    ['VOC2007', 6 / 11],
    ['VOC2012', 1 / 2],
  ])('is evaluated as its year was: %s', async (year, mAP) => {
    const files = {
      [`${year}/ids.txt`]: 'a\nb\n',
      [`${year}/Annotations/a.xml`]: xml([11, 11, 31, 21]),
      [`${year}/Annotations/b.xml`]: xml([1, 1, 7, 40]),
    };
    const cfg = {
      type: 'VOCDataset',
      ann_file: `${year}/ids.txt`,
      img_prefix: year,
      pipeline: [],
      classes: ['cat'],
    };
    const dataset = await open(cfg, files);
    const [first, second] = take(truthOf(dataset), 2);
    const results = [first, second.map(() => new Float32Array())];
    expect(await dataset.evaluate?.(results, {})).toMatchObject({ mAP: expect.closeTo(mAP, 6) as number });
    expect(await dataset.evaluate?.(results, { metric: ['mAP'], iouThr: [0.5] })).toHaveProperty('AP50');
    expect(await dataset.evaluate?.(results, { metric: 'bbox' })).toHaveProperty('bbox_mAP');
  });
});

class OwnShapes extends ShapesDataset {
  override evaluate(results: readonly BboxResult[]): Record<string, number> {
    return { pictures: results.length };
  }
}

test('ConcatDataset: together; a part with an evaluate of its own has each evaluated alone', async () => {
  const context = testContext();
  context.registries.DATASETS.registerModule({ name: 'OwnShapes' })(OwnShapes);
  const concat = async (...datasets: object[]): Promise<Dataset> => {
    const dataset = context.build<Dataset>('DATASETS', { type: 'ConcatDataset', datasets }, 'data.val');
    await dataset.load();
    return dataset;
  };
  const own = { ...SHAPES, type: 'OwnShapes', num_images: 3 };
  const together = await concat(SHAPES, SHAPES);
  expect(await together.evaluate?.(truthOf(together), {})).toMatchObject({ bbox_mAP: 1 });
  const apart = await concat(SHAPES, own);
  const metrics = await apart.evaluate?.(truthOf(apart), {});
  expect(metrics).toMatchObject({ '0_bbox_mAP': 1, '1_pictures': 3 });
});

test('a dataset without evaluate is evaluated by its ground truth', async () => {
  const dataset = await open(SHAPES);
  expect(evaluateBoxes(dataset, truthOf(dataset), { metric: 'mAP' })).toMatchObject({ mAP: 1 });
});
