// Trains for real, on software WebGPU: the default config, made short.

import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';
import { crcInLog, downloadNewest, readWithTorch, torchPython } from './training.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
const TRAIN_TIMEOUT_MS = 420_000;

/** The default config with few pictures: what takes a GPU a minute would take software an hour. */
async function shorten(app: TabtrainPage, { epochs, images }: { epochs: number; images: number }) {
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  const short = text
    .replace(/max_epochs=\d+/, `max_epochs=${epochs}`)
    .replace(/num_images=320/, `num_images=${images}`)
    .replace(/num_images=48/g, 'num_images=4')
    .replace(/samples_per_gpu=8/, 'samples_per_gpu=4')
    // So early a score hardly passes 0.05, and without a detection there is no mAP to log.
    .replace(/score_thr=[\d.]+/, 'score_thr=0.0')
    .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)')
    .replace(/evaluation = dict\(interval=\d+/, 'evaluation = dict(interval=1');
  expect(short).not.toBe(text);
  await app.setText(short);
}

test('the default config trains, is evaluated, and its checkpoint downloads and is read by torch', async ({
  page,
}) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await shorten(app, { epochs: 1, images: 12 });
  await app.button('Train').click();
  await expect(app.button('Pause')).toBeEnabled({ timeout: 60_000 });
  await expect(app.status).toContainText(/Training: epoch 1 of 1/, { timeout: 120_000 });
  await expect(app.log).toContainText(/Epoch \[1\]\[1\/3\]\s+lr: .*loss_cls: .*loss_bbox: /, {
    timeout: 120_000,
  });
  await expect(page.getByRole('figure', { name: /^Loss: .*loss_cls \d/ })).toBeVisible();
  await expect(page.getByRole('progressbar', { name: 'Progress of the run' })).toBeVisible();
  await expect(app.status).toContainText('Finished', { timeout: 300_000 });
  await expect(app.log).toContainText('bbox_mAP');
  await expect(page.getByRole('figure', { name: /^Validation mAP: bbox_mAP 0/ })).toBeVisible();

  await app.tab('Predictions').click();
  await expect(page.getByRole('tabpanel').getByRole('img').first()).toBeVisible();

  const { path, name } = await downloadNewest(app);
  expect(name).toBe('epoch_1.pth');
  const crc = await crcInLog(app, name);
  await app.tab('Parameters').click();
  await expect(page.getByRole('tabpanel')).toContainText('bbox_head');

  // Everything is there again after a reload.
  await page.reload();
  await app.editorIsReady();
  await expect(app.runs).toContainText('Finished');
  await expect(app.status).toContainText('Finished');
  await expect(app.log).toContainText('bbox_mAP');
  await app.tab('Charts').click();
  await expect(page.getByRole('figure', { name: /^Loss: .*loss_cls \d/ })).toBeVisible();
  await app.tab('Checkpoints').click();
  await expect(page.getByRole('row', { name: /epoch_1\.pth/ })).toBeVisible();

  test.skip(torchPython === undefined, 'no Python with torch on this machine');
  const view = readWithTorch(path);
  expect(view).toMatchObject({ epoch: 1, iter: 3, hasOptimizer: true, allFinite: true });
  // Every tensor that torch reads is what the tab held.
  expect(view.crc32).toBe(crc);
  expect(view.shapes['backbone.conv1.weight']).toEqual([16, 3, 7, 7]);
  expect(view.shapes['bbox_head.retina_cls.weight']?.[0]).toBeGreaterThan(0);
});

test('a run pauses, resumes, stops with a checkpoint, and goes on from it', async ({ page }) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await shorten(app, { epochs: 3, images: 8 });
  await app.button('Train').click();
  await expect(app.log).toContainText('Epoch [1][1/2]', { timeout: 180_000 });
  await app.button('Pause').click();
  await expect(app.status).toContainText('Paused', { timeout: 60_000 });
  await app.button('Resume').click();
  await app.button('Stop').click();
  await expect(app.status).toContainText('Stopped', { timeout: 180_000 });
  await app.tab('Checkpoints').click();
  await expect(page.getByRole('button', { name: 'Download', exact: true }).first()).toBeVisible();
  await page.getByRole('button', { name: 'Continue from here' }).first().click();
  await expect(app.status).toContainText(/Training: epoch [123] of 3/, { timeout: 120_000 });
  await expect(app.log).toContainText(/resumed epoch/i, { timeout: 120_000 });
  // What was there before it went on is still there.
  await expect(app.log).toContainText('Epoch [1][1/2]');
  await app.tab('Charts').click();
  await expect(page.getByRole('figure', { name: /^Loss: .*loss_cls \d/ })).toBeVisible();
  await app.button('Stop').click();
  await expect(app.status).toContainText(/Stopped|Finished/, { timeout: 180_000 });
});

test('a run cut off by closing the tab is shown as interrupted', async ({ page }) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await shorten(app, { epochs: 3, images: 4 });
  // The browser asks before a page with a run is left; a crash would not.
  page.on('dialog', (dialog) => void dialog.accept());
  await app.button('Train').click();
  await app.tab('Checkpoints').click();
  await expect(page.getByRole('row', { name: /epoch_1\.pth/ })).toBeVisible({ timeout: 240_000 });
  await page.reload();
  await app.editorIsReady();
  await expect(app.runs).toContainText('Interrupted');
  await expect(page.getByText('was interrupted.')).toBeVisible();
  await app.button('Resume').click();
  await expect(app.log).toContainText(/resumed epoch/i, { timeout: 180_000 });
  await app.button('Stop').click();
  await expect(app.status).toContainText(/Stopped|Finished/, { timeout: 180_000 });
});

test('a config that can not train says where and why, and the page stays usable', async ({ page }) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  await app.setText(text.replace("type='RetinaNet'", "type='RetinaNett'"));
  await expect(app.button('Train')).toBeDisabled();
  // The place is marked, listed, and Train leads to it.
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('link');
  await expect(problem).toContainText(/RetinaNett.*10:10/);
  await app.button('Train').click({ force: true });
  await expect(app.editor.getByRole('textbox').first()).toBeFocused();
  await expect(app.editor.locator('.squiggly-error')).toHaveCount(1);
  await page.keyboard.press('End');
  await page.keyboard.type('  # looked at');
  await expect(app.editor.locator('.view-line', { hasText: 'looked at' })).toContainText('RetinaNett');
  await expect(app.button('Train')).toBeDisabled();
});
