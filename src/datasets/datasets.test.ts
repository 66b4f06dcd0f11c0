import { describe, expect, test } from 'vitest';
import { TrainerError } from '../errors/trainerError.ts';
import type { DecodedImage } from '../contracts/image.ts';
import { Rng } from '../util/prng.ts';
import type { Dataset } from './dataset.ts';
import { expandDatasetCfg } from './index.ts';
import { boundsOf, drawShapes, layOutShapes, SHAPE_KINDS } from './shapesDrawing.ts';
import { DatasetSampleSource } from './sampleSource.ts';
import { testContext } from './testing/context.ts';
import { at } from '../util/at.ts';

const pipeline = [
  { type: 'LoadImageFromFile' },
  { type: 'LoadAnnotations' },
  { type: 'DefaultFormatBundle' },
  { type: 'Collect', keys: ['img', 'gt_bboxes', 'gt_labels'] },
];
const image = (id: number, width = 64, height = 48): object => ({
  id,
  file_name: `${id}.png`,
  width,
  height,
});
const box = (
  id: number,
  image_id: number,
  category_id: number,
  bbox: unknown,
  extra: object = {},
): object => ({
  id,
  image_id,
  category_id,
  bbox,
  area: 100,
  iscrowd: 0,
  ...extra,
});
const categories = [
  { id: 3, name: 'cat' },
  { id: 8, name: 'dog' },
];
const coco = {
  images: [image(1), image(2, 40, 60), image(3), image(4, 20, 20)],
  categories,
  annotations: [
    box(1, 1, 8, [10, 10, 20, 10]),
    box(2, 1, 3, [0, 0, 30, 30], { iscrowd: 1 }),
    box(3, 1, 3, [5, 5, 0.5, 10]),
    box(4, 1, 3, [70, 5, 10, 10]),
    box(5, 2, 3, [1, 2, 3, 4]),
    box(6, 4, 3, [1, 2, 3, 4]),
  ],
};

async function open(
  cfg: Record<string, unknown>,
  files: Record<string, Uint8Array | string>,
  warnings: string[] = [],
): Promise<Dataset> {
  const context = testContext(files, { warn: (message) => void warnings.push(message) });
  const dataset = context.build<Dataset>('DATASETS', { pipeline, ...cfg }, 'data.train');
  await dataset.load();
  return dataset;
}

const openCoco = (cfg: object = {}, file: unknown = coco, warnings: string[] = []): Promise<Dataset> =>
  open(
    { type: 'CocoDataset', ann_file: 'd/a.json', img_prefix: 'd', ...cfg },
    { 'd/a.json': JSON.stringify(file) },
    warnings,
  );

async function refusal(opening: Promise<Dataset>): Promise<string> {
  return opening.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof TrainerError) return error.format();
      throw error;
    },
  );
}

/** xyxy of the pixels whose channels differ by more than noise can make them. */
function changedBox(a: DecodedImage, b: DecodedImage): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < a.rgb.length; i += 3) {
    const difference = [0, 1, 2].reduce((sum, k) => sum + Math.abs(at(a.rgb, i + k) - at(b.rgb, i + k)), 0);
    if (difference <= 100) continue;
    const [x, y] = [(i / 3) % a.width, Math.floor(i / 3 / a.width)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  }
  return box;
}

describe('CocoDataset', () => {
  test('training leaves out pictures without boxes and pictures below 32 px, testing nothing', async () => {
    const train = await openCoco({ classes: ['cat', 'dog'] });
    expect(Array.from({ length: train.length }, (_, i) => train.getImgInfo(i).id)).toEqual([1, 2]);
    expect([...train.flag]).toEqual([1, 0]);
    expect((await openCoco({ classes: ['cat', 'dog'], filter_empty_gt: false })).length).toBe(3);
    expect((await openCoco({ classes: ['cat', 'dog'], test_mode: true })).length).toBe(4);
  });

  test('boxes become xyxy; crowds are ignored; thin ones and those outside are left out', async () => {
    const dataset = await openCoco({ classes: ['cat', 'dog'] });
    const { bboxes, labels, bboxes_ignore } = dataset.getAnnInfo(0);
    expect([...bboxes]).toEqual([10, 10, 30, 20]);
    expect([...labels]).toEqual([1]);
    expect([...bboxes_ignore]).toEqual([0, 0, 30, 30]);
  });

  test('a subset of the classes gets its own labels, and the evaluation all of its annotations', async () => {
    const dataset = await openCoco({ classes: ['cat'], test_mode: true });
    expect([...dataset.getAnnInfo(1).labels]).toEqual([0]);
    const truth = dataset.evaluationGroundTruth();
    expect(truth.categories).toEqual([{ id: 3, name: 'cat' }]);
    expect(truth.annotations.map((a) => a.id)).toEqual([2, 3, 4, 5, 6]);
    expect(truth.images.map((i) => i.id)).toEqual([1, 2, 3, 4]);
  });

  test('labels follow classes whatever the order in the file', async () => {
    const warnings: string[] = [];
    const dataset = await openCoco({ classes: ['dog', 'cat'] }, coco, warnings);
    expect(dataset.CLASSES).toEqual(['dog', 'cat']);
    expect([...dataset.getAnnInfo(0).labels]).toEqual([0]);
    expect([...dataset.getAnnInfo(1).labels]).toEqual([1]);
    expect(warnings.join('\n')).not.toContain('order');
  });

  test('a class that the file lacks keeps its place; without classes a foreign file gives its own', async () => {
    expect((await openCoco({ classes: ['bird', 'cat'] })).CLASSES).toEqual(['bird', 'cat']);
    expect([...(await openCoco({ classes: ['bird', 'cat'] })).getAnnInfo(1).labels]).toEqual([1]);
    const foreign = { ...coco, categories: [{ id: 3, name: 'rotor' }, categories[1]] };
    expect((await openCoco({}, foreign)).CLASSES).toEqual(['rotor', 'dog']);
    expect((await openCoco()).numClasses).toBe(80);
  });

  test('bad annotations are left out with one warning for each kind', async () => {
    const annotations = [
      ...coco.annotations,
      box(7, 1, 3, null),
      box(8, 1, 99, [1, 1, 9, 9]),
      box(9, 77, 3, [1, 1, 9, 9]),
    ];
    const warnings: string[] = [];
    await openCoco({ classes: ['cat', 'dog'], test_mode: true }, { ...coco, annotations }, warnings);
    expect(warnings).toEqual([
      'd/a.json: 1 annotation with a bbox that is not four numbers left out (the first: annotations[6]) (data.train.ann_file)',
      'd/a.json: 1 annotation of an unknown category left out (the first: annotations[7]) (data.train.ann_file)',
      'd/a.json: 1 annotation of a picture that is not listed left out (the first: annotations[8]) (data.train.ann_file)',
    ]);
  });

  test('a file that is something else is refused with its path', async () => {
    expect(await refusal(openCoco({}, []))).toMatchInlineSnapshot(`
      "d/a.json must be a COCO file with images, annotations and categories, but it is a list
        at d/a.json
        hint: this looks like a COCO results file; ann_file wants the annotations"
    `);
    expect(await refusal(openCoco({}, { images: [] }))).toContain('but it has no "categories"');
    expect(await refusal(openCoco({}, { ...coco, images: [image(1), image(1)] }))).toContain(
      'id 1 comes twice',
    );
    expect(await refusal(openCoco({ ann_file: 'd/b.json' }))).toMatchInlineSnapshot(`
      "annotation file d/b.json must exist, but there is no such file
        at data.train.ann_file
        hint: did you mean 'd/a.json'?"
    `);
    expect(await refusal(openCoco({ classes: ['dgo'] }))).toContain("did you mean 'dog'?");
    expect(await refusal(openCoco({ classes: 'dog' }))).toContain("write classes=('dog',) with the comma");
    expect(await refusal(openCoco({ proposal_file: 'p.pkl' }))).toContain(
      "proposal_file='p.pkl' is not supported",
    );
    expect(await refusal(openCoco({ classes: ['dog', 'dog'] }))).toContain("'dog' comes twice");
  });

  test('classes can come from a file, paths from data_root', async () => {
    const files = { 'd/a.json': JSON.stringify(coco), 'd/names.txt': 'cat\ndog\n' };
    const cfg = {
      type: 'CocoDataset',
      data_root: 'd/',
      ann_file: 'a.json',
      img_prefix: 'img/',
      classes: 'd/names.txt',
    };
    const dataset = await open(cfg, files);
    expect(dataset.CLASSES).toEqual(['cat', 'dog']);
    expect(dataset.imagePath(0)).toBe('d/img/1.png');
  });
});

describe('samples', () => {
  const files = {
    'd/a.json': JSON.stringify(coco),
    'd/1.png': Uint8Array.of(64, 48, 9),
    'd/2.png': Uint8Array.of(40, 60, 9),
  };
  const cfg = { type: 'CocoDataset', ann_file: 'd/a.json', img_prefix: 'd', classes: ['cat', 'dog'] };

  test('a sample depends on seed, epoch and index only', async () => {
    const flipping = [...pipeline.slice(0, 2), { type: 'RandomFlip', flip_ratio: 0.5 }, ...pipeline.slice(2)];
    const dataset = await open({ ...cfg, pipeline: flipping }, files);
    const flips = async (source: DatasetSampleSource, order: number[]): Promise<boolean[]> => {
      const found: boolean[] = [];
      for (const epoch of order) found[epoch] = (await source.getSample(0, epoch)).imgMeta.flip;
      return found;
    };
    const epochs = Array.from({ length: 20 }, (_, i) => i);
    const forwards = await flips(new DatasetSampleSource(dataset, 1), epochs);
    expect(await flips(new DatasetSampleSource(dataset, 1), epochs.toReversed())).toEqual(forwards);
    expect(new Set(forwards).size).toBe(2);
    expect(await flips(new DatasetSampleSource(dataset, 2), epochs)).not.toEqual(forwards);
  });

  test('at most four pictures are decoded at once, and a failure frees its place', async () => {
    let [running, most] = [0, 0];
    const context = testContext(files, {
      decodeImage: async () => {
        most = Math.max(most, ++running);
        for (let i = 0; i < 10; i++) await Promise.resolve();
        running -= 1;
        throw new Error('broken');
      },
    });
    const dataset = context.build<Dataset>('DATASETS', { ...cfg, pipeline }, 'd');
    await dataset.load();
    const source = new DatasetSampleSource(dataset, 0);
    const settled = await Promise.allSettled(
      Array.from({ length: 11 }, (_, i) => source.getSample(i % 2, i)),
    );
    expect(settled.map((s) => s.status)).toEqual(Array.from({ length: 11 }, () => 'rejected'));
    expect(most).toBe(4);
  });

  test('a dropped picture is replaced by another one of the same shape group', async () => {
    const context = testContext(files);
    class DropFirst {
      async call(results: { index: number }): Promise<object | null> {
        return results.index === 0 ? null : results;
      }
    }
    context.registries.PIPELINES.registerModule()(DropFirst);
    const wide = { ...coco, images: [image(1), image(2)] };
    await context.services.fs.writeFile('d/a.json', JSON.stringify(wide));
    const dataset = context.build<Dataset>(
      'DATASETS',
      { ...cfg, pipeline: [{ type: 'DropFirst' }, ...pipeline] },
      'd',
    );
    await dataset.load();
    expect((await dataset.getItem(0, new Rng(0))).img_metas?.img_id).toBe(2);
  });
});

describe('VOCDataset', () => {
  const xml = (objects: string, size = '<size><width>64</width><height>48</height></size>'): string =>
    `<annotation>${size}${objects}</annotation>`;
  const object = (name: string, b: number[], extra = ''): string =>
    `<object><name>${name}</name>${extra}<bndbox><ymax>${b[3]}</ymax><xmin>${b[0]}</xmin><ymin>${b[1]}</ymin><xmax>${b[2]}</xmax></bndbox></object>`;
  const files = {
    'v/ids.txt': 'a\nb 1\n\n',
    'v/Annotations/a.xml': xml(
      object('cat', [11, 11, 31, 21]) +
        object('dog', [1, 1, 5, 5.7], '<difficult>1</difficult>') +
        object('cat', [9, 9, 9, 9]),
    ),
    'v/Annotations/b.xml': xml(object('cat', [1, 1, 7, 40])),
    'v/JPEGImages/b.png': Uint8Array.of(64, 48, 1),
  };
  const cfg = { type: 'VOCDataset', ann_file: 'v/ids.txt', img_prefix: 'v' };

  test('boxes start at 0, difficult ones are ignored, the picture may have another extension', async () => {
    const warnings: string[] = [];
    const dataset = await open(cfg, files, warnings);
    expect(dataset.numClasses).toBe(20);
    expect([...dataset.getAnnInfo(0).bboxes]).toEqual([10, 10, 30, 20]);
    expect([...dataset.getAnnInfo(0).bboxes_ignore]).toEqual([0, 0, 4, 4]);
    expect(warnings).toEqual(['v/Annotations/a.xml: a cat whose box has no area was left out']);
    expect([dataset.imagePath(0), dataset.imagePath(1)]).toEqual([
      'v/JPEGImages/a.jpg',
      'v/JPEGImages/b.png',
    ]);
    expect(dataset.evaluationGroundTruth().annotations.map((a) => a.difficult)).toEqual([false, true, false]);
  });

  test('min_size ignores smaller boxes in training and is refused in testing', async () => {
    expect((await open({ ...cfg, min_size: 8 }, files)).getAnnInfo(1).bboxes_ignore).toHaveLength(4);
    expect(await refusal(open({ ...cfg, min_size: 8, test_mode: true }, files))).toContain(
      'min_size must be left out',
    );
  });

  test('classes that no object has, and broken XML, are refused by name', async () => {
    expect(await refusal(open({ ...cfg, classes: ['cow'] }, files))).toContain(
      "write classes=('cat', 'dog',)",
    );
    const broken = { ...files, 'v/Annotations/b.xml': '<annotation><object>' };
    expect(await refusal(open(cfg, broken))).toContain('v/Annotations/b.xml must be a Pascal VOC annotation');
  });
});

describe('ShapesDataset', () => {
  const cfg = { type: 'ShapesDataset', num_images: 40, seed: 1 };

  test('gives the same pictures for a seed and others for another', async () => {
    const [a, b, c] = await Promise.all([open(cfg, {}), open(cfg, {}), open({ ...cfg, seed: 2 }, {})]);
    expect(a.getImgInfo(3).pixels?.().rgb).toEqual(b.getImgInfo(3).pixels?.().rgb);
    expect(c.getImgInfo(3).pixels?.().rgb).not.toEqual(a.getImgInfo(3).pixels?.().rgb);
    expect(c.getAnnInfo(3)).not.toEqual(a.getAnnInfo(3));
  });

  test('draws every kind of shape into exactly its box', () => {
    for (const kind of SHAPE_KINDS) {
      for (let index = 0; index < 8; index++) {
        const scene = layOutShapes({ seed: 4, index, width: 128, height: 96, maxObjects: 1, kinds: [kind] });
        const shape = { ...at(scene.shapes, 0), colour: [225, 225, 225] as const };
        const dark = { ...scene, ground: [60, 60, 60] as const };
        const box = changedBox(drawShapes({ ...dark, shapes: [shape] }), drawShapes({ ...dark, shapes: [] }));
        // A corner's last pixel may be covered too little to count.
        boundsOf(shape).forEach((v, k) => expect(Math.abs(v - at(box, k))).toBeLessThan(3));
      }
    }
  });

  test('all boxes lie inside, all classes occur, and it runs through a usual pipeline', async () => {
    const dataset = await open({ ...cfg, img_scale: [96, 64], max_objects: 4 }, {});
    const labels = new Set<number>();
    for (let i = 0; i < dataset.length; i++) {
      const info = dataset.getAnnInfo(i);
      expect(info.labels.length).toBeGreaterThanOrEqual(1);
      expect(info.labels.length).toBeLessThanOrEqual(4);
      for (const label of info.labels) labels.add(label);
      expect([...info.bboxes].every((v, k) => v >= 0 && v <= (k % 2 === 0 ? 96 : 64))).toBe(true);
    }
    expect([...labels].sort()).toEqual([0, 1, 2]);
    const sample = await new DatasetSampleSource(dataset, 0).getSample(0, 0);
    expect(sample.imgShape).toEqual([64, 96, 3]);
    expect(sample.imgMeta.ori_filename).toBe('shapes_1_0.png');
  });
});

describe('wrappers', () => {
  test('RepeatDataset repeats with its own random numbers; ConcatDataset joins and keeps ids apart', async () => {
    const shapes = (seed: number): object => ({ type: 'ShapesDataset', num_images: 3, seed, pipeline });
    const repeat = await build({ type: 'RepeatDataset', times: 2, dataset: shapes(0) });
    expect([repeat.length, repeat.flag.length]).toEqual([6, 6]);
    expect(repeat.getAnnInfo(4)).toEqual(repeat.getAnnInfo(1));
    const concat = await build({ type: 'ConcatDataset', datasets: [shapes(0), shapes(1)] });
    expect(concat.getImgInfo(4).filename).toBe('shapes_1_1.png');
    expect(concat.evaluationGroundTruth().images.map((i) => i.id)).toEqual([
      '0:1',
      '0:2',
      '0:3',
      '1:1',
      '1:2',
      '1:3',
    ]);
  });

  test('a list of configs, and a list of ann_files, are short for ConcatDataset', () => {
    const voc = { type: 'VOCDataset', ann_file: ['a', 'b'], img_prefix: ['x', 'y'], classes: ['cat'] };
    const part = (ann_file: string, img_prefix: string): object => ({ ...voc, ann_file, img_prefix });
    const long = { type: 'ConcatDataset', datasets: [part('a', 'x'), part('b', 'y')] };
    expect(expandDatasetCfg(voc)).toEqual(long);
    expect(expandDatasetCfg(long.datasets)).toEqual(long);
    expect(expandDatasetCfg(long)).toBe(long);
  });

  async function build(cfg: object): Promise<Dataset> {
    const dataset = testContext().build<Dataset>('DATASETS', cfg, 'data.train');
    await dataset.load();
    return dataset;
  }
});
