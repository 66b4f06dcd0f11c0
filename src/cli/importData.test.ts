import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatImport, importData } from './importData.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tabtrain-import-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const annotations = {
  images: [
    { id: 1, file_name: '1.png', width: 64, height: 48 },
    { id: 2, file_name: '2.png', width: 64, height: 48 },
    { id: 3, file_name: 'gone.png', width: 64, height: 48 },
  ],
  annotations: [
    { image_id: 1, category_id: 1, bbox: [1, 2, 30, 40] },
    { image_id: 2, category_id: 1, bbox: [5, 5, 0, 10] },
  ],
  categories: [{ id: 1, name: 'red\u001b[31m' }],
};

/** A folder with two pictures and a COCO file. */
async function makeDrop(): Promise<string> {
  const folder = join(root, 'my drop');
  await mkdir(join(folder, 'images'), { recursive: true });
  for (const [i, r] of [10, 200].entries())
    await sharp({ create: { width: 64, height: 48, channels: 3, background: { r, g: 0, b: 0 } } })
      .png()
      .toFile(join(folder, 'images', `${i + 1}.png`));
  await writeFile(join(folder, 'ann.json'), JSON.stringify(annotations));
  return folder;
}

describe('tabtrain import', () => {
  test('imports a folder and prints counts and every warning, without control characters', async () => {
    const { exitCode, text } = await importData(await makeDrop(), { name: 'a', root });
    expect(exitCode, text).toBe(0);
    expect(text.replaceAll('\ufffd', '?')).toMatchInlineSnapshot(`
      "imported data/a (coco): 2 images, 1 boxes, 1 classes
        train: 1 images, 0 boxes  data/a/annotations/instances_train.json
        val:   1 images, 1 boxes  data/a/annotations/instances_val.json
        img_prefix: data/a/images/
        class red?[31m: 1 boxes
      warning [image-not-found] listed image not found: gone.png (in ann.json)
      warning [empty-box] images/2.png: a box with zero width or height was dropped
      note [split-made] the source has no train and val split: 1 of 2 pictures are kept for validation
      2 warnings, 0 skipped
      next: npx tabtrain train configs/a/nanodet_g_a.py  (Fine-tune NanoDet)
      or: npx tabtrain train configs/a/retinanet_r18_a.py  (RetinaNet from nothing)"
    `);
    expect((await readdir(join(root, 'data'))).sort()).toEqual(['a']);
  });

  test('a name is made from the path; an annotation file brings the pictures of its folder', async () => {
    const folder = await makeDrop();
    const { exitCode, text } = await importData(join(folder, 'ann.json'), { root, json: true });
    expect(exitCode, text).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      name: 'ann',
      images: { train: 1, val: 1 },
      boxes: { train: 0, val: 1 },
    });
    expect((await importData(folder, { root, json: true })).text).toContain('"name":"my_drop"');
  });

  test('links that lead in circles or nowhere do not stop it', async () => {
    const folder = await makeDrop();
    await symlink(folder, join(folder, 'images', 'loop'));
    await symlink(join(root, 'nowhere'), join(folder, 'images', 'gone.png'));
    const { exitCode, text } = await importData(folder, { name: 'a', root });
    expect(exitCode, text).toBe(0);
    expect(text).toContain('skipped [unreadable-file]');
  });

  test('exit code 2 and a message when the input is at fault', async () => {
    expect(await importData(join(root, 'none'), { name: 'a', root })).toMatchObject({
      exitCode: 2,
      text: expect.stringContaining('does not exist'),
    });
    await writeFile(join(root, 'x.zip'), 'Rar!\u001a\u0007');
    const { exitCode, text } = await importData(join(root, 'x.zip'), { name: 'a', root, json: true });
    expect(exitCode).toBe(2);
    expect(JSON.parse(text).error).toMatchObject({
      code: 'zip-not-a-zip',
      message: 'this is a RAR archive, not a zip',
    });
    expect(await readdir(join(root, 'data')).catch(() => [])).toEqual([]);
  });

  test('the configs that the page offers are written; one of a person stays', async () => {
    const folder = await makeDrop();
    const path = join(root, 'configs/a/retinanet_r18_a.py');
    const first = await importData(folder, { name: 'a', root, json: true });
    expect(JSON.parse(first.text).configs).toEqual([
      'configs/a/nanodet_g_a.py',
      'configs/a/retinanet_r18_a.py',
    ]);
    expect(await readFile(path, 'utf8')).toContain("ann_file='data/a/annotations/instances_train.json'");
    await writeFile(path, '# mine');
    const second = await importData(folder, { name: 'a', root, replace: true });
    expect(second.text).toContain('configs/a/retinanet_r18_a.py was there and is kept as it is');
    expect(await readFile(path, 'utf8')).toBe('# mine');
  });

  test('nothing to train on is exit code 2, whether refused or kept to be looked at', async () => {
    const folder = await makeDrop();
    await writeFile(join(folder, 'ann.json'), JSON.stringify({ ...annotations, annotations: [] }));
    const { exitCode, text } = await importData(folder, { name: 'a', root, json: true });
    expect(exitCode).toBe(2);
    expect(JSON.parse(text).error).toMatchObject({ code: 'nothing-left' });
    expect(await readdir(join(root, 'data')).catch(() => [])).toEqual([]);
    expect(await readdir(join(root, 'configs')).catch(() => [])).toEqual([]);
    await rm(join(folder, 'ann.json'));
    expect((await importData(folder, { name: 'a', root })).exitCode).toBe(2);
    await writeFile(join(folder, 'labels.csv'), '1.png,1,2,3,4,cell\n');
    const csv = await importData(folder, { name: 'b', root });
    expect(csv).toMatchObject({ exitCode: 2, text: expect.stringContaining('labels.csv is CSV') });
  });

  test('two imports of one name at once: one is refused, the other is whole', async () => {
    const folder = await makeDrop();
    const both = await Promise.all([1, 2].map(() => importData(folder, { name: 'a', root, replace: true })));
    expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 2]);
    expect(both.find(({ exitCode }) => exitCode === 2)?.text).toContain('import of a');
    expect((await readdir(join(root, 'data/a/images'))).sort()).toEqual(['1.png', '2.png']);
    expect((await readdir(join(root, 'data'))).sort()).toEqual(['a']);
  });

  test('many notes of a kind are cut after the first', () => {
    const item = (i: number) => ({ code: 'no-label', item: `${i}`, message: `${i} has no label`, count: 1 });
    const text = formatImport({
      name: 'a',
      format: 'yolo',
      imgPrefix: '',
      trainAnnFile: 't',
      valAnnFile: 'v',
      classes: [],
      images: { train: 0, val: 0 },
      boxes: { train: 0, val: 0 },
      boxesPerClass: [],
      medianSize: [0, 0],
      warnings: [],
      skipped: [],
      notes: Array.from({ length: 50 }, (_, i) => item(i)),
    });
    expect(text).toContain('and 45 more like these');
  });
});
