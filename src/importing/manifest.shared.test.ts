import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../serialization/zip/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { sharedDir } from '../util/testing/sharedDir.ts';
import {
  allFiles,
  folder,
  outcomeOf,
  sourceOf,
  type ManifestCase,
  type Outcome,
} from './manifestCases.testing.ts';
import { zipSource } from './sources.ts';
import { memorySource } from './testDrops.testing.ts';
import { at } from '../util/at.ts';

const root = `${sharedDir}data/bad_inputs/`;
const cases: readonly ManifestCase[] = sharedDir
  ? JSON.parse(readFileSync(join(root, 'MANIFEST.json'), 'utf8')).cases
  : [];

interface CocoFile {
  images: { id: number; file_name: string; width: number; height: number }[];
  annotations: { image_id: number; category_id: number; bbox: number[]; area: number; iscrowd: number }[];
  categories: { id: number; name: string }[];
}

async function annotations(fs: FileSystem, split: 'train' | 'val'): Promise<CocoFile> {
  return JSON.parse(await fs.readText(`data/x/annotations/instances_${split}.json`));
}

/** Boxes of each picture, by file name, of both splits. */
async function boxesByName(fs: FileSystem): Promise<Map<string, number[][]>> {
  const map = new Map<string, number[][]>();
  for (const split of ['train', 'val'] as const) {
    const file = await annotations(fs, split);
    for (const { id, file_name } of file.images)
      map.set(
        file_name,
        file.annotations.filter((a) => a.image_id === id).map((a) => a.bbox),
      );
  }
  return map;
}

const run = (path: string): Promise<Outcome> => {
  const found = cases.find((c) => c.path === path);
  if (!found) throw new Error(`no case ${path}`);
  return outcomeOf(sourceOf(found, root));
};

const within = (value: number, wanted: number | number[] | undefined): boolean => {
  if (wanted === undefined) return true;
  return Array.isArray(wanted)
    ? value >= Math.min(...wanted) && value <= Math.max(...wanted)
    : value === wanted;
};

describe.runIf(sharedDir)('bad_inputs/MANIFEST.json', () => {
  test('has its 68 cases', () => expect(cases.length).toBe(68));

  test.each(cases)('$path ends as the manifest says', async (entry) => {
    const { kind, report, error, findings, fs } = await outcomeOf(sourceOf(entry, root));
    expect(kind).toBe(entry.expect);
    const files = await allFiles(fs);
    if (error) {
      expect(files).toEqual([]);
      expect(error.message.length).toBeGreaterThan(15);
      return;
    }
    expect(files.filter((f) => !f.startsWith('data/x/'))).toEqual([]);
    expect(files.filter((f) => /evil|\/\.|\\/.test(f))).toEqual([]);
    const { images, boxes } = report ?? expect.unreachable();
    expect(within(images.train + images.val, entry.keep_images)).toBe(true);
    expect(within(boxes.train + boxes.val, entry.keep_boxes ?? entry.keep_boxes_if_accepted)).toBe(true);
    expect(files).toContain('data/x/annotations/instances_train.json');
    for (const { message, item } of findings) expect(`${message}${item}`).toMatch(/\S{3}/);
    for (const [, list] of await boxesByName(fs))
      for (const box of list) expect(box.every((v) => Number.isFinite(v) && v >= 0)).toBe(true);
  });

  test('skipped pictures and files are named, with the reason', async () => {
    const said = async (path: string): Promise<string> =>
      (await run(path)).findings.map((f) => f.message).join('\n');
    expect(await said('images/truncated_60pct.jpg')).toMatch(/truncated_60pct\.jpg is damaged/);
    expect(await said('images/zero_bytes.jpg')).toMatch(/empty file/);
    expect(await said('images/scan.tif')).toMatch(/TIFF/);
    expect(await said('voc/malformed.xml')).toMatch(/malformed\.xml is not valid XML/);
    expect(await said('coco/missing_category.json')).toMatch(/99/);
    expect(await said('coco/missing_image_file.json')).toMatch(/listed image not found: not_there\.jpg/);
    expect(await said('yolo/labels_cases/decimal_comma.txt')).toMatch(/line 1.*decimal comma.*0,585156/);
    expect(await said('zips/traversal.zip')).toMatch(/evil\.jpg[^]*evil2[^]*evil3[^]*evil4/);
  });

  test('refusals say what the file is', async () => {
    const message = async (path: string): Promise<string> => (await run(path)).error?.message ?? '';
    expect(await message('zips/not_a_zip.zip')).toMatch(/RAR/);
    expect(await message('zips/truncated.zip')).toMatch(/incomplete zip/);
    expect(await message('zips/encrypted_flag.zip')).toMatch(/password/);
    expect(await message('zips/empty.zip')).toMatch(/empty/);
    expect(await message('coco/array_top_level.json')).toMatch(/results list/);
    expect(await message('coco/empty_object.json')).toMatch(/no "images"/);
  });

  test('size_mismatch_scaled: the boxes are those of the true size', async () => {
    const scaled = await boxesByName((await run('coco/size_mismatch_scaled.json')).fs);
    const plain = await boxesByName((await run('coco/utf8_bom.json')).fs);
    expect([...scaled].sort()).toEqual([...plain].sort());
  });

  test('exif_display_space: both pictures have the same boxes', async () => {
    const boxes = await boxesByName((await run('coco/exif_display_space.json')).fs);
    expect(boxes.get('exif6.jpg')).toEqual(boxes.get('BloodImage_00000.jpg'));
  });

  test('voc: nested parts are no objects, names are trimmed and literal, Latin-1 is read', async () => {
    for (const path of ['voc/nested_part.xml', 'voc/reordered_tags.xml']) {
      const { report, fs } = await run(path);
      expect(report?.classes).toEqual(['WBC']);
      expect((await boxesByName(fs)).get('BloodImage_00000.jpg')).toEqual([[129, 87, 116, 99]]);
    }
    expect((await run('voc/unicode_class.xml')).report?.classes).toEqual(['白血球 🩸', 'RBC <b>&']);
    expect((await run('voc/latin1_undeclared.xml')).report?.classes).toEqual(['Zelle_grün']);
  });

  test('hostile_names: three classes with their own counts, "__proto__" among them', async () => {
    const { report } = await run('coco/hostile_names.json');
    expect(report?.classes).toHaveLength(3);
    expect(report?.boxesPerClass.map((c) => c.name)).toContain('__proto__');
    expect(report?.boxesPerClass.reduce((sum, c) => sum + c.count, 0)).toBe(74);
  });

  test('yolo: classes in order, polygon as its box, same base name in two folders', async () => {
    expect((await run('yolo/data.yaml')).report).toMatchObject({
      classes: ['RBC', 'WBC', 'Platelets'],
      images: { train: 1, val: 1 },
    });
    expect((await run('yolo/data_dict.yaml')).report?.classes).toEqual(['RBC', 'WBC', 'Platelets']);
    const polygon = at(
      [...(await boxesByName((await run('yolo/labels_cases/mixed_box_polygon.txt')).fs)).values()],
      0,
    )[1];
    [32, 24, 96, 96].forEach((v, i) => expect(polygon?.[i]).toBeCloseTo(v, 6));
    const two = await boxesByName((await run('names/same_basename/')).fs);
    expect([...two].map(([name, list]) => [name, list.length])).toEqual([
      ['train/1.jpg', 20],
      ['val/1.jpg', 16],
    ]);
  });

  test('same_file_listed_twice: one picture, on one side', async () => {
    const { report } = await run('coco/same_file_listed_twice.json');
    expect(report?.images).toEqual({ train: 3, val: 1 });
  });
});

describe.runIf(sharedDir)('real datasets', () => {
  const data = `${sharedDir}data/`;
  const sorted = (file: CocoFile): string[] => {
    const nameOf = new Map(file.images.map((i) => [i.id, i.file_name]));
    const classOf = new Map(file.categories.map((c) => [c.id, c.name]));
    return file.annotations
      .map((a) => JSON.stringify([nameOf.get(a.image_id), classOf.get(a.category_id), a.bbox, a.area]))
      .sort();
  };
  const reference = (path: string): CocoFile => JSON.parse(readFileSync(data + path, 'utf8'));

  test('bccd as VOC: 4886 boxes, 2 warnings, the very boxes and splits of the COCO files', async () => {
    const { report, fs } = await outcomeOf(memorySource(folder(`${data}bccd/BCCD`)));
    expect(report).toMatchObject({
      format: 'voc',
      imgPrefix: 'data/x/JPEGImages/',
      images: { train: 292, val: 72 },
      boxes: { train: 3941, val: 945 },
      skipped: [],
      medianSize: [640, 480],
    });
    expect(report?.warnings.map((w) => w.item)).toEqual([
      'JPEGImages/BloodImage_00338.jpg',
      'JPEGImages/BloodImage_00343.jpg',
    ]);
    expect(await fs.stat('data/x/ImageSets/Main/test.txt')).not.toBeNull();
    for (const split of ['train', 'val'] as const)
      expect(sorted(await annotations(fs, split))).toEqual(
        sorted(reference(`bccd/coco/instances_${split}.json`)),
      );
  }, 60_000);

  test('bccd_coco.zip: 3941 + 945 boxes, no warning, categories as in the source', async () => {
    const bytes = new Uint8Array(readFileSync(`${data}bccd/coco/bccd_coco.zip`));
    const { report, fs } = await outcomeOf(zipSource(bytesSource(bytes), 'bccd_coco.zip'), createMemoryFs());
    expect(report).toMatchObject({
      imgPrefix: 'data/x/images/',
      boxes: { train: 3941, val: 945 },
      warnings: [],
      skipped: [],
    });
    const train = await annotations(fs, 'train');
    const source = reference('bccd/coco/instances_train.json');
    expect(train.categories).toEqual(source.categories);
    expect(train.images).toEqual(source.images);
    expect(sorted(train)).toEqual(sorted(source));
  }, 60_000);

  test('raccoon as VOC: 217 boxes; without a split of its own, equal pictures stay together', async () => {
    const drop = Object.fromEntries(
      Object.entries(folder(`${data}raccoon`)).filter(([path]) => /^(images|annotations)\//.test(path)),
    );
    const { report } = await outcomeOf(memorySource(drop));
    expect(report).toMatchObject({
      format: 'voc',
      images: { train: 160, val: 40 },
      warnings: [],
      skipped: [],
    });
    expect((report?.boxes.train ?? 0) + (report?.boxes.val ?? 0)).toBe(217);
    expect(report?.notes.filter((n) => n.code === 'same-picture')).toHaveLength(4);
  }, 60_000);
});
