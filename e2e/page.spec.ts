import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

test('a fresh visit shows the default config, ready to train', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await expect(page).toHaveTitle('tabtrain');
  await expect(app.editor.getByRole('heading', { name: DEFAULT_FILE })).toBeVisible();
  await expect(app.editor).toContainText("type='RetinaNet'");
  await expect(app.files.getByRole('button', { name: 'retinanet_r18_bccd.py', exact: true })).toBeVisible();
  await expect(app.button('Train')).toBeEnabled();
  await expect(app.button('Import data')).toBeEnabled();
  await expect(app.status).toContainText('Ready');
  await expect(page.getByLabel('Graphics processor')).toContainText('software');
  await expect(page.getByRole('list', { name: 'Problems' })).toHaveCount(0);
});

test('regions and tabs have their names; arrow keys move between the tabs', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  for (const region of [app.editor, app.files, app.runs, app.log]) await expect(region).toBeVisible();
  const names = ['Charts', 'Schedule', 'Data', 'Predictions', 'Checkpoints', 'Parameters', 'Profile'];
  expect(await page.getByRole('tab').allTextContents()).toEqual(names);
  await app.tab('Charts').focus();
  for (const name of [...names.slice(1), 'Charts']) {
    await page.keyboard.press('ArrowRight');
    await expect(app.tab(name)).toBeFocused();
    await expect(app.tab(name)).toHaveAttribute('aria-selected', 'true');
    await expect(page.getByRole('tabpanel', { name })).toBeVisible();
  }
});

test('without WebGPU the page says so, and does not offer to train', async ({ page }) => {
  await page.addInitScript(() => delete (Navigator.prototype as { gpu?: unknown }).gpu);
  const app = new TabtrainPage(page);
  await app.open();
  await expect(page.getByRole('alert').first()).toContainText('no WebGPU');
  await expect(app.button('Train')).toBeDisabled();
});

test('the theme is chosen once and kept', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByLabel('Theme').selectOption({ label: 'Dark' });
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  await page.reload();
  await app.editorIsReady();
  expect(await background()).toBe(dark);
  await expect(page.locator('.monaco-editor').first()).toHaveCSS('background-color', 'rgb(27, 31, 35)');
});

test('on a phone nothing is wider than the page, and every panel can be used', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const app = new TabtrainPage(page);
  await app.open();
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(widths[0]).toBe(widths[1]);
  for (const button of ['Train', 'Import data']) await expect(app.button(button)).toBeInViewport();
  await app.openFile('retinanet_r18_bccd.py');
  await expect(app.editor.getByRole('heading', { name: 'retinanet_r18_bccd.py' })).toBeVisible();
  for (const panel of [app.editor, app.files, app.runs, app.log])
    expect((await panel.boundingBox())?.height).toBeGreaterThan(120);
});

test('a dialog keeps the focus, closes with Escape and gives the focus back', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.button('Import data').click();
  const dialog = page.getByRole('dialog', { name: 'Import a data set' });
  await expect(dialog).toBeVisible();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('Tab');
    // Between the last and the first control the browser's own bar has its turn.
    const outside = await page.evaluate(
      () => document.activeElement !== document.body && !document.activeElement?.closest('dialog'),
    );
    expect(outside).toBe(false);
  }
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(app.button('Import data')).toBeFocused();
});

test('every control has an accessible name', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const snapshot = await page.locator('body').ariaSnapshot();
  expect(snapshot).not.toMatch(/- (button|textbox|combobox|slider|radio|checkbox|tab|link|img)( \[|:|$)/m);
});
