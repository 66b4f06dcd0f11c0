// Small drops in the formats that label tools write: shared/data/field_formats, right values by its README.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { sharedDir } from '../util/testing/sharedDir.ts';
import { folder, outcomeOf, type Outcome } from './manifestCases.testing.ts';
import { memorySource } from './testDrops.testing.ts';

interface CocoText {
  readonly images: readonly { id: number; file_name: string }[];
  readonly annotations: readonly { image_id: number; category_id: number; bbox: readonly number[] }[];
}

const run = (name: string, fs?: FileSystem): Promise<Outcome> =>
  outcomeOf(memorySource(folder(join(sharedDir ?? '', 'data/field_formats', name)), name), fs);

/** Distinct lists of boxes, one a picture; rounded to 0.01 px. */
async function boxLists(name: string): Promise<{ outcome: Outcome; lists: unknown[] }> {
  const fs = createMemoryFs();
  const outcome = await run(name, fs);
  const lists = new Set<string>();
  for (const split of ['train', 'val']) {
    const text = await fs.readText(`data/x/annotations/instances_${split}.json`);
    const { images, annotations } = JSON.parse(text) as CocoText;
    for (const { id } of images) {
      const boxes = annotations.filter((a) => a.image_id === id).map((a) => a.bbox);
      lists.add(JSON.stringify(boxes.map((box) => box.map((v) => Math.round(v * 100) / 100))));
    }
  }
  return { outcome, lists: [...lists].map((list) => JSON.parse(list) as unknown) };
}

const codes = ({ findings }: Outcome): string[] => [...new Set(findings.map(({ code }) => code))];

describe.runIf(sharedDir)('field_formats', () => {
  test('yolo_pose2: the box is the first four numbers, keypoints are no polygon', async () => {
    const { outcome, lists } = await boxLists('yolo_pose2');
    expect(outcome.report).toMatchObject({ classes: ['tiger'], images: { train: 2, val: 1 } });
    expect(lists).toEqual([[[192, 96, 256, 288]]]);
    expect(codes(outcome)).toEqual(['keypoints']);
  });

  test('yolo_track: confidence and id are no corner, and equal boxes are said', async () => {
    const { outcome, lists } = await boxLists('yolo_track');
    expect(lists).toEqual([
      [
        [256, 168, 128, 144],
        [128, 72, 128, 144],
      ],
    ]);
    expect(codes(outcome).sort()).toEqual(['same-box', 'track-id']);
  });

  test('coco_segonly: the box is the bounds of the polygon', async () => {
    const { outcome } = await boxLists('coco_segonly');
    expect(outcome.report?.boxes).toMatchObject({ train: expect.any(Number) });
    expect(codes(outcome)).toEqual(['polygon']);
  });

  test.each([
    ['cvat_yolo11', { train: 2, val: 1 }],
    ['darknet_lists', { train: 8, val: 4 }],
    ['voc_dotted', { train: 8, val: 4 }],
    ['yolo_valid_vs_val', { train: 8, val: 4 }],
  ])("%s: the author's split", async (name, images) => {
    const { report, error } = await run(name);
    expect(error?.message).toBeUndefined();
    expect(report?.images).toEqual(images);
  });

  test('darknet_lists: a label without its picture is named', async () => {
    const { findings } = await run('darknet_lists');
    expect(findings.filter(({ code }) => code === 'image-not-found').map(({ item }) => item)).toEqual([
      'obj/missing_picture.txt',
    ]);
  });

  test('voc_difficult: nothing to train on, and why', async () => {
    const { error } = await run('voc_difficult');
    expect(error).toMatchObject({ code: 'nothing-left', message: expect.stringContaining('difficult') });
  });

  test('voc_robndbox: the rotated box is replaced by its upright bounds', async () => {
    const { outcome } = await boxLists('voc_robndbox');
    const { train = 0, val = 0 } = outcome.report?.boxes ?? {};
    expect(train + val).toBe(3);
    expect(codes(outcome)).toContain('rotated-box');
  });

  test('kaggle_coco: an unlabelled test set is no validation set', async () => {
    const fs = createMemoryFs();
    const { report, error } = await run('kaggle_coco', fs);
    expect(error?.message).toBeUndefined();
    expect(report?.boxes.val).toBeGreaterThan(0);
    expect(report?.notes.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['test-split', 'split-made']),
    );
    expect(report?.testAnnFile).toBe('data/x/annotations/instances_test.json');
  });

  test.each([
    ['via', 'VGG Image Annotator'],
    ['createml', 'Create ML'],
    ['labelstudio_min', 'Label Studio'],
    ['csv_retinanet', 'CSV'],
  ])('%s is refused by its name', async (name, format) => {
    const { error } = await run(name);
    expect(`${error?.message} ${error?.hint}`).toContain(format);
  });
});
