import { describe, expect, test } from 'vitest';
import { evaluateBoxes, expandDatasetCfg, type Dataset } from './index.ts';
import { seedIndexes } from './indexCache.ts';
import { testContext } from './testing/context.ts';
import { at } from '../util/at.ts';

const NAMES = ['a', 'b', 'c'];
const image = { id: 1, file_name: '1.png', width: 64, height: 48 };

/** One box of each class, at 20 px times its place in NAMES; categories are numbered and listed as given. */
function cocoText(order: readonly string[]): string {
  const categories = order.map((name, i) => ({ id: 10 * (i + 1), name }));
  const annotations = categories.map(({ id, name }, i) => {
    return {
      id: i + 1,
      image_id: 1,
      category_id: id,
      bbox: [20 * NAMES.indexOf(name), 0, 10, 10],
      area: 100,
    };
  });
  return JSON.stringify({ images: [image], categories, annotations });
}

const files = {
  'abc.json': cocoText(['a', 'b', 'c']),
  'cab.json': cocoText(['c', 'a', 'b']),
  'ab.json': cocoText(['a', 'b']),
  'abD.json': JSON.stringify(JSON.parse(cocoText(['a', 'b', 'c']).replace('"name":"c"', '"name":"D"'))),
};

async function open(cfg: object, follows?: readonly string[]): Promise<Dataset> {
  const context = testContext(files);
  const dataset = context.build<Dataset>('DATASETS', expandDatasetCfg({ pipeline: [], ...cfg }), 'data.val');
  if (follows) dataset.followClasses?.(follows);
  await dataset.load();
  return dataset;
}

const coco = (file: string, extra: object = {}): object => ({
  type: 'CocoDataset',
  ann_file: file,
  ...extra,
});

/** x of each box, by class name. */
function placesOf(dataset: Dataset, index = 0): Record<string, number> {
  const { bboxes, labels } = dataset.getAnnInfo(index);
  return Object.fromEntries([...labels].map((label, i) => [dataset.CLASSES[label], bboxes[4 * i]]));
}

describe('labels go by name', () => {
  test('a val file with its categories in another order has the labels and the mAP of the model', async () => {
    const train = await open(coco('abc.json'));
    const val = await open(coco('cab.json', { test_mode: true }), train.CLASSES);
    expect(val.CLASSES).toEqual(['a', 'b', 'c']);
    // What a model trained on abc.json finds: label 0 is a.
    const found = [0, 20, 40].map((x) => Float32Array.of(x, 0, x + 10, 10, 0.9));
    const scores: (readonly [string, number])[] = [];
    const logger = {
      info: () => undefined,
      classScores: (all: readonly { name: string; ap: number }[]) =>
        void scores.push(...all.map(({ name, ap }) => [name, ap] as const)),
    };
    expect(evaluateBoxes(val, [found], { logger })).toMatchObject({ bbox_mAP: 1 });
    expect(evaluateBoxes(val, [[at(found, 0), at(found, 2), at(found, 1)]], { logger })).toMatchObject({
      bbox_mAP: 0.3333,
    });
    expect(scores.slice(3)).toEqual([
      ['a', expect.closeTo(1, 9)],
      ['b', 0],
      ['c', 0],
    ]);
  });

  test('own classes in another order than the model give its order; others are refused by name', async () => {
    expect((await open(coco('cab.json', { classes: ['c', 'b', 'a'] }), NAMES)).CLASSES).toEqual(NAMES);
    await expect(open(coco('cab.json', { classes: ['a', 'x'] }), NAMES)).rejects.toThrow(
      "'x' is none of them and 'b', 'c' are missing",
    );
  });

  test('a class that one file lacks keeps its label in both', async () => {
    const classes = ['c', 'a', 'b'];
    const train = await open(coco('ab.json', { classes }));
    const val = await open(coco('abc.json', { classes, test_mode: true }), train.CLASSES);
    expect([train.CLASSES, val.CLASSES]).toEqual([classes, classes]);
    expect([...val.getAnnInfo(0).labels]).toEqual([1, 2, 0]);
  });

  test('a renamed class is refused', async () => {
    await expect(open(coco('abD.json'), NAMES)).rejects.toThrow("it lacks 'c' and has 'D'");
  });

  test.each([
    ['with classes', { classes: ['b', 'c', 'a'] }],
    ['without', {}],
  ])('ConcatDataset of files in another order, %s', async (_, extra) => {
    const both = await open(coco('unused', { ann_file: ['abc.json', 'cab.json'], ...extra }));
    expect(placesOf(both, 0)).toEqual({ a: 0, b: 20, c: 40 });
    expect(placesOf(both, 1)).toEqual({ a: 0, b: 20, c: 40 });
  });
});

test('a file is read once in a worker, and not at all where another has read it', async () => {
  const context = testContext(files);
  const build = async (fs = context.services.fs): Promise<Dataset> => {
    const other = testContext({}, { fs });
    const dataset = other.build<Dataset>('DATASETS', { pipeline: [], ...coco('abc.json') }, 'data.train');
    await dataset.load();
    return dataset;
  };
  let reads = 0;
  const { fs } = context.services;
  const counting = {
    ...Object.fromEntries(
      (['stat', 'list', 'readFile', 'readText'] as const).map((key) => [key, fs[key].bind(fs)]),
    ),
    readRange: async (...args: Parameters<typeof fs.readRange>) => {
      reads += 1;
      return fs.readRange(...args);
    },
  } as typeof fs;
  const first = await build(counting);
  await build(counting);
  expect(reads).toBe(1);
  const elsewhere = { ...counting } as typeof fs;
  seedIndexes(elsewhere, structuredClone(first.indexedFiles ?? []));
  expect(placesOf(await build(elsewhere))).toEqual({ a: 0, b: 20, c: 40 });
  expect(reads).toBe(1);
  await fs.writeFile('abc.json', cocoText(['b', 'a']));
  expect((await build(counting)).CLASSES).toEqual(['b', 'a']);
});
