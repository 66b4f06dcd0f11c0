// A person's own data: a zip is imported, a config made for it, trained, its checkpoint downloaded.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import type { Locator } from '@playwright/test';
import { expect, TabtrainPage, test } from './page.ts';
import { crcInLog, downloadNewest, readWithTorch, torchPython } from './training.ts';

/** BCCD in Pascal VOC form; on a lone clone it is not there. */
const BCCD = fileURLToPath(new URL('../../shared/data/bccd/BCCD', import.meta.url));
const hasBccd = existsSync(BCCD);
if (!hasBccd && process.env['CI']) throw new Error(`CI needs the data set at ${BCCD}`);
test.skip(!hasBccd, `needs the data set at ${BCCD}`);

/** A zip of the first pictures of BCCD with their annotations, laid out as the original. */
function bccdZip(pictures: number): Buffer {
  const stems = readdirSync(join(BCCD, 'JPEGImages'))
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .slice(0, pictures)
    .map((name) => name.replace(/\.jpg$/, ''));
  const files: Record<string, Uint8Array> = {};
  for (const stem of stems) {
    files[`BCCD/JPEGImages/${stem}.jpg`] = readFileSync(join(BCCD, 'JPEGImages', `${stem}.jpg`));
    files[`BCCD/Annotations/${stem}.xml`] = readFileSync(join(BCCD, 'Annotations', `${stem}.xml`));
  }
  return Buffer.from(zipSync(files, { level: 0 }));
}

async function chooseZip(app: TabtrainPage, name: string, buffer: Buffer): Promise<Locator> {
  await app.button('Import data').click();
  const dialog = app.page.getByRole('dialog');
  await dialog.getByLabel('Zip or files').setInputFiles({ name, mimeType: 'application/zip', buffer });
  return dialog;
}

test('a BCCD zip is imported, trained on with falling loss, evaluated, and its checkpoint downloaded', async ({
  page,
}) => {
  test.setTimeout(600_000);
  const app = new TabtrainPage(page);
  await app.open();
  const dialog = await chooseZip(app, 'bccd.zip', bccdZip(24));
  await expect(dialog.getByLabel('Name')).toHaveValue('bccd');
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  const report = page.getByRole('dialog', { name: 'Imported bccd' });
  await expect(report).toContainText('24 pictures', { timeout: 120_000 });
  for (const name of ['RBC', 'WBC', 'Platelets']) await expect(report).toContainText(name);
  await report.getByRole('button', { name: 'RetinaNet from nothing' }).click();
  await expect(app.editor.getByRole('heading', { name: 'retinanet_r18_bccd_imported.py' })).toBeVisible();
  await app.tab('Data').click();
  await expect(page.getByRole('tabpanel').getByRole('img').first()).toBeVisible();

  const path = 'workspace/configs/bccd/retinanet_r18_bccd_imported.py';
  const text = (await app.readStored(path)) ?? '';
  // Small and short, and the same few pictures again and again: the loss must fall.
  const short = text
    .replace(/img_scale = \(.*\)/, 'img_scale = (128, 96)')
    .replace(/max_epochs=\d+/, 'max_epochs=4')
    .replace(/samples_per_gpu=\d+/, 'samples_per_gpu=5')
    .replace(/warmup_iters=\d+/, 'warmup_iters=2')
    .replace(/depth=18,/, 'depth=18,\n        base_channels=16,')
    .replace(/in_channels=\[64, 128, 256, 512\]/, 'in_channels=[16, 32, 64, 128]')
    // So early a score hardly passes 0.05, and without a detection there is no mAP to log.
    .replace(/score_thr=[\d.]+/, 'score_thr=0.0')
    .replace(/log_config = dict\(\s*interval=\d+/, 'log_config = dict(interval=1')
    .replace(/evaluation = dict\(interval=\d+/, 'evaluation = dict(interval=4')
    .replace(/checkpoint_config = dict\(interval=\d+/, 'checkpoint_config = dict(interval=4');
  expect(short).not.toBe(text);
  await app.setText(short);
  await app.button('Train').click();
  await expect(app.status).toContainText('Finished', { timeout: 500_000 });
  const losses = [...(await app.log.innerText()).matchAll(/Epoch \[\d+\]\[\d+\/\d+\].* loss: ([\d.]+)/g)].map(
    (m) => Number(m[1]),
  );
  expect(losses.length).toBeGreaterThanOrEqual(8);
  const mean = (list: number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  expect(mean(losses.slice(-3))).toBeLessThan(mean(losses.slice(0, 3)));
  await expect(app.log).toContainText('bbox_mAP');

  const saved = await downloadNewest(app);
  const crc = await crcInLog(app, saved.name);
  test.skip(torchPython === undefined, 'no Python with torch on this machine');
  const view = readWithTorch(saved.path);
  expect(view).toMatchObject({ epoch: 4, hasOptimizer: true, allFinite: true, crc32: crc });
  expect(Object.keys(view.shapes).length).toBeGreaterThan(100);
});

test('the data set and its report are there after a reload, and can be deleted', async ({ page }) => {
  test.setTimeout(180_000);
  const app = new TabtrainPage(page);
  await app.open();
  const dialog = await chooseZip(app, 'Cells of blood.zip', bccdZip(4));
  await expect(dialog.getByLabel('Name')).toHaveValue('cells_of_blood');
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByRole('dialog', { name: 'Imported cells_of_blood' })).toBeVisible({
    timeout: 60_000,
  });
  await page.getByRole('button', { name: 'Close' }).click();
  await page.reload();
  await app.editorIsReady();
  await app.files.getByRole('button', { name: /cells_of_blood/ }).click();
  const panel = page.getByRole('tabpanel', { name: 'Data' });
  await expect(panel).toContainText('4 pictures');
  await panel.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(panel).toContainText('No data sets yet');
  expect(await app.readStored('data/cells_of_blood/import_report.json')).toBeNull();
});

test('a file that is no archive is refused in plain words and leaves nothing', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const dialog = await chooseZip(app, 'broken.zip', Buffer.from('this is no zip'.repeat(20)));
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(dialog.getByRole('alert')).toContainText(/zip/i);
  await page.keyboard.press('Escape');
  await expect(app.files).toContainText('None yet');
});
