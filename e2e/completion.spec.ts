// Completion and hover in configs, from what classes and sections declare.

import { expect, TabtrainPage, test } from './page.ts';

/** Write at the end of the config; the cursor stays there. */
async function write(app: TabtrainPage, text: string): Promise<void> {
  await app.editor.getByRole('textbox').first().focus();
  await app.page.keyboard.press('ControlOrMeta+End');
  await app.page.keyboard.type(text);
}

test('keys, types and values are proposed as one types, also in broken text', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const list = page.locator('.suggest-widget.visible');
  const entry = (name: string) => list.locator('.monaco-list-row', { hasText: name }).first();

  await app.setText("model = dict(type='RetinaNet', backbone=dict(type='ResNet', depth=18))\n");
  await write(app, "custom_hooks = [dict(type='EMAH");
  await page.keyboard.press('ControlOrMeta+ ');
  await expect(entry('EMAHook')).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(app.editor.locator('.view-lines')).toContainText("dict(type='EMAHook'");

  // Leave the quotes that were closed by themselves, and ask for the hook's arguments.
  await page.keyboard.press('End');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Backspace');
  await page.keyboard.type(', ');
  await page.keyboard.press('ControlOrMeta+ ');
  await expect(entry('momentum')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(list).toHaveCount(0);

  // At the margin the top level's keys, though the bracket above is open.
  await page.keyboard.type('\n');
  await page.keyboard.press('Home');
  await app.setText("model = dict(type='RetinaNet')\n");
  await write(app, 'eval');
  await expect(entry('evaluation')).toBeVisible();
  await page.keyboard.press('Tab');
  await write(app, 'dict(');
  await page.keyboard.press('ControlOrMeta+ ');
  await expect(entry('save_best')).toBeVisible();
  await expect(list.locator('.monaco-list-row', { hasText: 'evaluation' })).toHaveCount(0);
});

test('a key and a type are explained under the pointer', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const hover = page.locator('.monaco-hover:visible');
  const word = (text: string) =>
    app.editor.locator('.view-line span span', { hasText: new RegExp(`^[\\s'(]*${text}`) }).first();
  await app.setText("evaluation = dict(interval=1)\nrunner = dict(type='EpochBasedRunner', max_epochs=1)\n");
  await word('evaluation').hover();
  await expect(hover).toContainText('When data.val is evaluated');
  await page.mouse.move(4, 4);
  await expect(hover).toHaveCount(0);
  await word('EpochBasedRunner').hover();
  await expect(hover).toContainText('the RUNNERS registry');
});
