// Data sets that come by drop and by folder; names that look like markup; imports that are broken off. Needs no data.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { expect, TabtrainPage, test } from './page.ts';

const HOSTILE = '<img src=x onerror="window.__pwned=1">';
const CLASSES = [HOSTILE, '__proto__', 'constructor'];

/** A COCO data set of grey pictures with one box each, the classes in turn. */
async function cocoFiles(pictures: number): Promise<Record<string, Uint8Array>> {
  const png = await sharp({
    create: { width: 32, height: 24, channels: 3, background: { r: 120, g: 130, b: 140 } },
  })
    .png()
    .toBuffer();
  const files: Record<string, Uint8Array> = {};
  const images = [];
  const annotations = [];
  for (let id = 1; id <= pictures; id++) {
    const name = `${String(id).padStart(4, '0')}.png`;
    files[`images/${name}`] = png;
    images.push({ id, file_name: name, width: 32, height: 24 });
    const category_id = 1 + ((id - 1) % CLASSES.length);
    annotations.push({ id, image_id: id, category_id, bbox: [2, 3, 10, 12], area: 120, iscrowd: 0 });
  }
  const categories = CLASSES.map((name, i) => ({ id: i + 1, name }));
  files['annotations.json'] = Buffer.from(JSON.stringify({ images, annotations, categories }));
  return files;
}

/** Files and folders of the disk, dropped by a real drag of the browser's. */
async function drop(page: Page, paths: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const at = { x: 700, y: 300, data };
  await session.send('Input.dispatchDragEvent', { type: 'dragEnter', ...at });
  await session.send('Input.dispatchDragEvent', { type: 'dragOver', ...at });
  await expect(page.getByText('Drop to import: a data set, or weights')).toBeVisible();
  // The browser drops only where the page has taken a dragover before.
  await session.send('Input.dispatchDragEvent', { type: 'dragOver', ...at });
  await session.send('Input.dispatchDragEvent', { type: 'drop', ...at });
  await expect(page.getByText('Drop to import: a data set, or weights')).toHaveCount(0);
}

/** Every path below `data/` in the tab's storage. */
function storedData(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found: string[] = [];
    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      try {
        for await (const handle of folder.values()) {
          found.push(path + handle.name);
          if (handle.kind === 'directory') await walk(handle, `${path}${handle.name}/`);
        }
      } catch (error) {
        // Removed while it was walked through: who asks again finds it gone.
        if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
      }
    };
    const root = await navigator.storage.getDirectory();
    await walk(await root.getDirectoryHandle('data', { create: true }), '');
    return found.sort();
  });
}

test('a dropped folder is imported; class names are text, whatever they look like', async ({
  page,
}, testInfo) => {
  const folder = testInfo.outputPath('odd names');
  for (const [path, bytes] of Object.entries(await cocoFiles(6))) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  const app = new TabtrainPage(page);
  await app.open();
  const weights = testInfo.outputPath('resnet18-f37072fd.pth');
  writeFileSync(weights, 'weights');
  await drop(page, [weights]);
  await expect(page.getByText('Kept as checkpoints/resnet18-f37072fd.pth')).toBeAttached();
  expect(await app.readStored('checkpoints/resnet18-f37072fd.pth')).toBe('weights');

  await drop(page, [folder]);
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Name')).toHaveValue('odd_names');
  await page.keyboard.press('Enter');
  await expect(dialog).toContainText('6 pictures', { timeout: 60_000 });
  for (const name of CLASSES) await expect(dialog.getByRole('cell', { name, exact: true })).toBeVisible();
  await dialog.getByRole('button', { name: 'RetinaNet from nothing' }).click();
  await expect(app.editor).toContainText('__proto__');
  await app.tab('Data').click();
  await expect(page.getByRole('tabpanel')).toContainText(HOSTILE);
  expect(await page.evaluate(() => '__pwned' in window)).toBe(false);
});

test('a cancelled import leaves nothing, and what it would have replaced stays', async ({
  page,
}, testInfo) => {
  const small = testInfo.outputPath('cells.zip');
  const large = testInfo.outputPath('large.zip');
  writeFileSync(small, zipSync(await cocoFiles(2), { level: 0 }));
  writeFileSync(large, zipSync(await cocoFiles(600), { level: 0 }));
  const app = new TabtrainPage(page);
  await app.open();
  const dialog = page.getByRole('dialog');
  const accept = dialog.getByRole('button', { name: 'Import', exact: true });
  await drop(page, [small]);
  await accept.click();
  await expect(dialog).toContainText('2 pictures', { timeout: 60_000 });
  await dialog.getByRole('button', { name: 'Close' }).click();
  const before = await storedData(page);

  await drop(page, [large]);
  await accept.click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog.getByLabel('Name')).toHaveValue('large');
  // The person asked for it: no error.
  await expect(dialog.getByRole('alert')).toHaveCount(0);
  expect(await storedData(page)).toEqual(before);

  await dialog.getByLabel('Name').fill('cells');
  await expect(accept).toBeDisabled();
  await dialog.getByLabel('Replace the data set of this name').check();
  await accept.click();
  await expect(dialog.getByRole('progressbar')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect.poll(() => storedData(page)).toEqual(before);
  // It does not come back by itself when the import has ended.
  await expect(dialog).toHaveCount(0);
});
