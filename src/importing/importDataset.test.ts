import { beforeAll, describe, expect, test } from 'vitest';
import { DatasetError, TrainerError } from '../errors/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { importDataset } from './importDataset.ts';
import { allFiles } from './manifestCases.testing.ts';
import { fileOf } from './sources.ts';
import { coco, memorySource, picture, voc, vocObject, type Drop } from './testDrops.testing.ts';
import type { ImportOptions, ImportProgress, ImportReport } from './types.ts';
import { at } from '../util/at.ts';

const SIZE = [64, 48] as const;
let pictures: Uint8Array[];
beforeAll(async () => {
  pictures = await Promise.all(Array.from({ length: 10 }, (_, i) => picture(...SIZE, 20 * i)));
});

const run = (drop: Drop, options: Partial<ImportOptions> = {}): Promise<ImportReport> =>
  importDataset(memorySource(drop), {
    fs: createMemoryFs(),
    locks: createMemoryLocks(),
    name: 'x',
    checkImage: decodeWithSharp,
    ...options,
  });

async function refusal(promise: Promise<unknown>): Promise<TrainerError> {
  const error: unknown = await promise.then(
    () => expect.unreachable('it was accepted'),
    (e: unknown) => e,
  );
  if (!(error instanceof TrainerError)) throw error;
  return error;
}

const codes = (report: ImportReport): string[] => report.warnings.map((w) => w.code);
const skips = (report: ImportReport): string[] => report.skipped.map((s) => `${s.code} ${s.item}`);

async function readCoco(
  fs: FileSystem,
  split: string,
): Promise<{ images: { file_name: string }[]; annotations: { bbox: number[] }[] }> {
  return JSON.parse(await fs.readText(`data/x/annotations/instances_${split}.json`));
}

/** A drop of `count` different pictures with a COCO file. */
function cocoDrop(count: number, boxes?: readonly unknown[]): Drop {
  const names = Array.from({ length: count }, (_, i) => `${i}.jpg`);
  return {
    'set/ann.json': coco(names, SIZE, boxes),
    ...Object.fromEntries(names.map((n, i) => [`set/images/${n}`, pictures[i]])),
  };
}

describe('layout and splits', () => {
  test('a wrapping folder goes, originals stay, one fifth is kept for validation, always the same', async () => {
    const fs = createMemoryFs();
    const report = await run({ ...cocoDrop(10), 'set/.DS_Store': 'x' }, { fs });
    expect(report).toMatchObject({
      format: 'coco',
      imgPrefix: 'data/x/images/',
      classes: ['cell'],
      images: { train: 8, val: 2 },
      boxes: { train: 8, val: 2 },
      medianSize: [64, 48],
      warnings: [],
      skipped: [],
    });
    expect(await fs.readFile('data/x/images/3.jpg')).toEqual(pictures[3]);
    expect(await fs.stat('data/x/ann.json')).not.toBeNull();
    expect((await allFiles(fs)).filter((f) => f.includes('/.'))).toEqual([]);
    const again = createMemoryFs();
    await run(cocoDrop(10), { fs: again });
    expect(await readCoco(again, 'val')).toEqual(await readCoco(fs, 'val'));
  });

  test('byte-identical pictures are on one side', async () => {
    const drop = cocoDrop(10);
    for (let i = 1; i < 10; i++) drop[`set/images/${i}.jpg`] = at(pictures, i % 2);
    const report = await run(drop);
    expect(codes(report)).toEqual([]);
    expect(report.images.train + report.images.val).toBe(10);
    expect(report.images.val).toBeGreaterThan(0);
  });

  test('train and val files keep their split, a test file is kept apart; without val it stands in', async () => {
    const drop: Drop = { '0.jpg': at(pictures, 0), '1.jpg': at(pictures, 1), '2.jpg': at(pictures, 2) };
    const names = ['train', 'val', 'test'] as const;
    names.forEach((s, i) => (drop[`annotations/instances_${s}.json`] = coco([`${i}.jpg`], SIZE)));
    const fs = createMemoryFs();
    const three = await run(drop, { fs });
    expect(three).toMatchObject({
      images: { train: 1, val: 1 },
      testAnnFile: 'data/x/annotations/instances_test.json',
    });
    expect((await readCoco(fs, 'test')).images).toMatchObject([{ file_name: '2.jpg' }]);
    expect(await fs.stat('data/x/annotations/original_instances_val.json')).not.toBeNull();
    delete drop['annotations/instances_val.json'];
    const two = await run(drop);
    expect(two.images).toEqual({ train: 1, val: 1 });
    expect(two.testAnnFile).toBeUndefined();
  });

  test('one COCO file over train and val folders: the folders are the split', async () => {
    const names = ['train/0.jpg', 'train/1.jpg', 'val/2.jpg'];
    const drop: Drop = { 'ann.json': coco(names, SIZE) };
    names.forEach((name, i) => (drop[`images/${name}`] = at(pictures, i)));
    const report = await run(drop);
    expect(report).toMatchObject({ images: { train: 2, val: 1 }, imgPrefix: 'data/x/images/', warnings: [] });
  });

  test('the same picture in train and val is a warning', async () => {
    const drop: Drop = { 'a.jpg': at(pictures, 0), 'b.jpg': at(pictures, 0) };
    drop['train.json'] = coco(['a.jpg'], SIZE);
    drop['val.json'] = coco(['b.jpg'], SIZE);
    expect(codes(await run(drop))).toEqual(['leak']);
  });

  test('VOC lists decide the split; pictures in no list are left out with a note', async () => {
    const drop: Drop = {};
    for (let i = 0; i < 4; i++) {
      drop[`V/JPEGImages/${i}.jpg`] = at(pictures, i);
      drop[`V/Annotations/${i}.xml`] = voc(`${i}.jpg`, vocObject('cell', [1, 1, 11, 21]));
    }
    drop['V/ImageSets/Main/train.txt'] = '0\r\n1\r\n';
    drop['V/ImageSets/Main/val.txt'] = '2\n';
    const fs = createMemoryFs();
    const report = await run(drop, { fs });
    expect(report.images).toEqual({ train: 2, val: 1 });
    expect(report.notes.map((n) => `${n.code} ${n.item}`)).toContain('not-in-imagesets JPEGImages/3.jpg');
    expect(at((await readCoco(fs, 'val')).annotations, 0).bbox).toEqual([0, 0, 10, 20]);
  });
});

describe('whole or not at all', () => {
  test('an existing name is refused, unless it is to be replaced; a failing replacement leaves the old one', async () => {
    const fs = createMemoryFs();
    await run(cocoDrop(3), { fs });
    const before = await allFiles(fs);
    expect((await refusal(run(cocoDrop(2), { fs }))).code).toBe('dataset-exists');
    expect((await refusal(run({ 'a.json': '{}' }, { fs, replace: true }))).code).toBe('not-coco');
    expect(await allFiles(fs)).toEqual(before);
    expect((await run(cocoDrop(2), { fs, replace: true })).images.train).toBe(1);
    expect(await allFiles(fs)).not.toContain('data/x/images/2.jpg');
  });

  test('cancelling at any file leaves nothing', async () => {
    // How often progress is told depends on time: go on until an import is through before its turn.
    for (let stop = 1, isThrough = false; !isThrough; stop++) {
      const fs = createMemoryFs();
      const controller = new AbortController();
      let left = stop;
      let isLate = false;
      const onProgress = ({ phase, done, total }: ImportProgress): void => {
        if (--left === 0) controller.abort();
        isLate ||= left <= 0 && phase === 'writing' && done >= total - 1;
      };
      const outcome = await run(cocoDrop(4), { fs, signal: controller.signal, onProgress }).then(
        () => 'finished',
        (e: unknown) => (e instanceof DatasetError ? e.code : String(e)),
      );
      const files = await allFiles(fs);
      isThrough = !controller.signal.aborted;
      if (outcome === 'import-cancelled') expect(files).toEqual([]);
      else expect(files).toContain('data/x/annotations/instances_val.json');
      if (!isThrough && !isLate) expect(outcome).toBe('import-cancelled');
    }
  });

  test('a full disk leaves nothing', async () => {
    const fs = createMemoryFs();
    const write = fs.writeFile.bind(fs);
    fs.writeFile = (path, data) =>
      path.endsWith('2.jpg')
        ? Promise.reject(new TrainerError('disk full', { code: 'quota-exceeded' }))
        : write(path, data);
    expect((await refusal(run(cocoDrop(4), { fs }))).code).toBe('quota-exceeded');
    expect(await allFiles(fs)).toEqual([]);
  });

  test('progress counts up, phase by phase', async () => {
    const seen: ImportProgress[] = [];
    await run(cocoDrop(4), { onProgress: (p) => seen.push(p) });
    expect([...new Set(seen.map((p) => p.phase))]).toEqual(['reading', 'checking', 'writing']);
    const last = at(seen, seen.length - 1);
    expect(last.done).toBe(last.total);
    seen.slice(1).forEach((p, i) => expect(p.bytes).toBeGreaterThanOrEqual(at(seen, i).bytes));
  });

  test.each(['', '../x', 'a/b', '.x', 'a b', '-x'])('the name %j is refused', async (name) => {
    expect((await refusal(run(cocoDrop(2), { name }))).code).toBe('bad-dataset-name');
  });
});

describe('findings', () => {
  test('pictures that cannot be read are skipped by name, the rest is imported', async () => {
    const drop = cocoDrop(5);
    drop['set/images/0.jpg'] = at(pictures, 0).slice(0, 300);
    drop['set/images/1.jpg'] = '';
    drop['set/images/2.jpg'] = '<html>not found</html>';
    const report = await run(drop);
    expect(skips(report)).toEqual(
      [
        expect.stringMatching(/^damaged-image images\/0\.jpg/),
        'empty-image images/1.jpg',
        'unsupported-image-format images/2.jpg',
      ].sort(),
    );
    expect(report.images).toEqual({ train: 1, val: 1 });
  });

  test('a file that vanished after the drop is skipped by name', async () => {
    const drop = cocoDrop(3);
    const source = memorySource(drop);
    const gone = { size: 9, read: () => Promise.reject(new Error('moved')) };
    const broken = {
      name: 'drop',
      async *files() {
        for await (const file of source.files())
          yield file.path.endsWith('1.jpg') ? fileOf(file.path, gone) : file;
      },
    };
    const report = await importDataset(broken, {
      fs: createMemoryFs(),
      locks: createMemoryLocks(),
      name: 'x',
    });
    expect(skips(report)).toEqual(['unreadable-file images/1.jpg']);
  });

  test('a picture turned by EXIF: boxes of the stored picture are turned with it, with a warning', async () => {
    const fs = createMemoryFs();
    const drop = {
      'a.json': coco(['a.jpg'], SIZE, [[10, 20, 30, 5]]),
      'a.jpg': await picture(...SIZE, 9, 6),
    };
    expect(codes(await run(drop, { fs }))).toEqual(['exif-rotated']);
    // 64x48 turned clockwise is 48x64: x = 48 - 20 - 5, y = 10.
    expect(at((await readCoco(fs, 'train')).annotations, 0).bbox).toEqual([23, 10, 5, 30]);
    const upright = { ...drop, 'a.json': coco(['a.jpg'], [48, 64], [[1, 2, 3, 4]]) };
    expect(codes(await run(upright))).toEqual([]);
  });

  test('sizes that disagree: scaled when the shape is the same, kept when all fits, else skipped', async () => {
    const sized = (size: [number, number], box: number[]): Promise<ImportReport> =>
      run({ 'a.json': coco(['a.jpg'], size, [box]), 'a.jpg': at(pictures, 0) });
    expect(codes(await sized([128, 96], [20, 20, 40, 40]))).toEqual(['size-mismatch']);
    expect(codes(await sized([100, 90], [1, 1, 10, 10]))).toEqual(['size-mismatch']);
    expect(skips(await sized([100, 90], [60, 60, 30, 30]))).toEqual(['size-mismatch a.jpg']);
  });

  test('xyxy boxes: a loud warning, and right when it is said', async () => {
    const drop = cocoDrop(4, [
      [30, 30, 60, 44],
      [5, 5, 62, 46],
    ]);
    expect(codes(await run(drop))).toContain('looks-like-xyxy');
    const fs = createMemoryFs();
    expect(codes(await run(drop, { fs, bboxFormat: 'xyxy' }))).toEqual([]);
    expect(at((await readCoco(fs, 'train')).annotations, 0).bbox).toEqual([30, 30, 30, 14]);
  });

  test('two ids for two pictures that are one number: both are skipped, never merged', async () => {
    const drop = cocoDrop(3);
    const file = JSON.parse(String(drop['set/ann.json']));
    file.images[1].id = 1;
    drop['set/ann.json'] = JSON.stringify(file);
    expect(skips(await run(drop))).toEqual(['same-id 0.jpg', 'same-id 1.jpg']);
  });

  test('thousands of findings about one file stay readable', async () => {
    const bad = Array.from({ length: 500 }, (_, i) => `0 0.5 0.5 x${i} 0.1`).join('\n');
    const report = await run({
      'a.jpg': at(pictures, 0),
      'a.txt': `0 0.5 0.5 0.5 0.5\n${bad}`,
      'classes.txt': 'cell',
    });
    expect(report.warnings.length).toBeLessThanOrEqual(21);
    expect(report.warnings.reduce((sum, w) => sum + w.count, 0)).toBe(500);
  });

  test('a data.yaml with a fault is used as far as it can be read, with a warning', async () => {
    const report = await run({
      'a.jpg': at(pictures, 0),
      'a.txt': '0 0.5 0.5 0.5 0.5',
      'data.yaml': 'names: [cell]\nnc: 1\nnc: 2',
    });
    expect(report.classes).toEqual(['cell']);
    expect(report.warnings.map((w) => w.message)).toContain(
      'data.yaml is not valid YAML: Map keys must be unique at line 3, column 1; what can be read of it is used',
    );
  });

  test('nothing to import is refused in words', async () => {
    expect((await refusal(run({}))).message).toMatch(/no usable file/);
    expect((await refusal(run({ 'a.rar': 'Rar!' }))).hint).toMatch(/unpack the archive/);
    expect((await refusal(run({ 'a.json': '{"images": [1, 2', 'a.jpg': at(pictures, 0) }))).message).toMatch(
      /line 1, column 17 .*cut off/,
    );
    expect(codes(await run({ 'a.jpg': at(pictures, 0) }))).toEqual(['no-annotations', 'nothing-left']);
    expect((await refusal(run({ 'a.json': coco(['a.jpg', 'b.jpg'], SIZE) }))).message).toMatch(
      /none of the 2 pictures .* was found: a\.jpg, b\.jpg/,
    );
    expect((await refusal(run({ 'a.json': coco([], SIZE), 'a.jpg': at(pictures, 0) }))).message).toMatch(
      /list no picture/,
    );
  });

  test('of several COCO files a bad one is skipped by name, a second one about the same pictures is not used', async () => {
    const drop = {
      ...cocoDrop(3),
      'set/b.json': coco(['0.jpg', '1.jpg'], SIZE),
      'set/c.json': '{"images": [',
    };
    const huge = coco(['2.jpg'], SIZE).replace('"id":1', '"id":9007199254740993');
    const report = await run({ ...drop, 'set/z.json': huge });
    expect(report.boxes).toEqual({ train: 2, val: 1 });
    expect(report.warnings.map((w) => `${w.code} ${w.item}`)).toEqual(['second-annotation-file b.json']);
    expect(skips(report).sort()).toEqual(['bad-json c.json', 'id-too-large z.json']);
  });
});
