import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;

test('broken text is underlined at its place, listed, and told on hover', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.setText('a = 1\nlearning_rate = undefined_name\n');
  const squiggle = app.editor.locator('.squiggly-error');
  await expect(squiggle).toHaveCount(1);
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('link');
  await expect(problem).toHaveCount(1);
  await expect(problem).toContainText('undefined_name');
  await expect(problem).toContainText('2:17');
  await expect(app.button('Train')).toBeDisabled();

  // The underline lies under the name, not beside it.
  const wanted = await boxOfText(page, 'undefined_name');
  const underline = await squiggle.boundingBox();
  expect(Math.abs((underline?.x ?? 0) - wanted.x)).toBeLessThan(3);
  expect(Math.abs((underline?.width ?? 0) - wanted.width)).toBeLessThan(4);
  expect(Math.abs((underline?.y ?? 0) - wanted.y)).toBeLessThan(wanted.height);

  await page.mouse.move(wanted.x + wanted.width / 2, wanted.y + wanted.height / 2);
  await expect(page.locator('.monaco-hover:visible')).toContainText('undefined_name');

  // The hover lies over the button for as long as the pointer stays.
  await page.mouse.move(4, 4);
  await expect(page.locator('.monaco-hover:visible')).toHaveCount(0);
  await app.button('Restore original').click();
  await expect(squiggle).toHaveCount(0);
  await expect(app.button('Train')).toBeEnabled();
});

test('a problem leads to its place', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.setText(`${'a = 1\n'.repeat(80)}b = missing\n`);
  await page.getByRole('list', { name: 'Problems' }).getByRole('link').click();
  await expect(app.editor.locator('.view-line', { hasText: 'b = missing' })).toBeInViewport();
  await page.keyboard.type('c');
  await expect(app.editor).toContainText('b = cmissing');
});

/** What is written, and the slip in its place; the text that is underlined. */
const SLIPS: readonly (readonly [string, string, string])[] = [
  ["type='FPN'", "type='FPNN'", "'FPNN'"],
  ['samples_per_gpu=8', 'sample_per_gpu=8', 'sample_per_gpu'],
  ['optimizer = dict(', 'optimizer = dict(wieght_decay=0.1, ', 'wieght_decay'],
  ['optimizer_config =', 'optimizr_config =', 'optimizr_config'],
  ['lr_config = dict(', 'lr_config = dict(warmup_iter=5, ', 'warmup_iter'],
  ['log_config =', 'log_confg =', 'log_confg'],
  ['max_keep_ckpts=3', 'max_keep_ckpt=3', 'max_keep_ckpt'],
  ["metric='bbox'", "metric='bboxx'", "'bboxx'"],
  ['runner =', "custom_hooks = [dict(type='EMAHok')]\nrunner =", "'EMAHok'"],
  ['model =', 'resum_from = None\nmodel =', 'resum_from'],
];

test('ten slips in one config are told at their places, and Train waits for the errors', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  let text = (await app.readStored(DEFAULT_PATH)) ?? '';
  for (const [right, slip] of SLIPS) text = text.replace(right, slip);
  await app.setText(text);
  const problems = page.getByRole('list', { name: 'Problems' }).getByRole('link');
  await expect(problems).toHaveCount(SLIPS.length);
  for (const [, , wrong] of SLIPS) {
    const before = text.slice(0, text.indexOf(wrong)).split('\n');
    const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    await expect(problems.filter({ hasText: new RegExp(`\\D${place}$`) })).toHaveCount(1);
  }
  await expect(app.button('Train')).toBeDisabled();
  await expect(app.button('Train')).toHaveAccessibleDescription('6 errors, 4 warnings');
  await app.button('Train').click({ force: true });
  await expect(app.editor.getByRole('textbox').first()).toBeFocused();
});

test('a quick fix writes the name that the hint asks about, and Train may start', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  await app.setText(text.replace("type='RetinaNet'", "type='RetinaNett'"));
  await expect(app.button('Train')).toBeDisabled();
  await page.getByRole('list', { name: 'Problems' }).getByRole('link').click();
  await page.keyboard.press('ControlOrMeta+.');
  await page.getByText("Change to 'RetinaNet'").click();
  await expect(app.editor.locator('.view-line', { hasText: "type='RetinaNet'" })).toBeVisible();
  await expect(app.button('Train')).toBeEnabled();
  await expect(page.getByRole('list', { name: 'Problems' })).toHaveCount(0);
});

test('typing goes on while the config is planned', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.editor.getByRole('textbox').first().focus();
  await page.keyboard.press('ControlOrMeta+End');
  const word = '# every keystroke of this line is taken in order';
  await page.keyboard.type(word, { delay: 60 });
  // Lines stand in the page in no order.
  await expect(app.editor.locator('.view-line', { hasText: 'line' }).filter({ hasText: 'order' })).toHaveText(
    word.replaceAll(' ', '\u00a0'),
  );
  await expect(app.button('Train')).toBeEnabled();
});

test('the resolved config stands beside the text and follows it', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.setText("x = 1\ny = dict(a=x + 1, b='q')\n");
  await app.button('Resolved config').click();
  const resolved = page.getByRole('group', { name: 'Resolved config' });
  await expect(resolved).toContainText('y = dict(a=2');
  await app.setText('x = 10\ny = dict(a=x + 1)\n');
  await expect(resolved).toContainText('a=11');
});

test('a config in a `_base_` is read from the workspace, and its errors point into it', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.button('New').click();
  await page.getByLabel('Path in the workspace').fill('configs/shapes/base_for_test.py');
  await app.button('OK').click();
  await app.setText('lr = 0.5\n');
  await app.openFile(DEFAULT_FILE);
  await app.setText("_base_ = './base_for_test.py'\nscale = {{_base_.lr}}\n");
  await app.button('Resolved config').click();
  await expect(page.getByRole('group', { name: 'Resolved config' })).toContainText('scale = 0.5');
  await app.openFile('base_for_test.py');
  await app.setText('lr = oops\n');
  await app.openFile(DEFAULT_FILE);
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('link').first();
  await expect(problem).toContainText('base_for_test.py:1:6');
  await problem.click();
  await expect(app.editor.getByRole('heading', { name: 'base_for_test.py' })).toBeVisible();
});

test('edits survive a reload at any moment; the original can be put back', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const original = await app.readStored(DEFAULT_PATH);
  expect(original).toContain('RetinaNet');
  await app.editor.locator('.view-lines').click();
  await page.keyboard.press('ControlOrMeta+Home');
  await page.keyboard.type('# mine\n');
  // At once: the delayed save has not happened yet.
  await page.reload();
  await app.editorIsReady();
  await expect(app.editor.locator('.view-line').first()).toContainText('# mine');
  await expect.poll(() => app.readStored(DEFAULT_PATH)).toMatch(/^# mine/);
  await app.button('Restore original').click();
  await expect.poll(() => app.readStored(DEFAULT_PATH)).toBe(original);
  await expect(app.button('Restore original')).toHaveCount(0);
});

test('files are made, renamed, duplicated and deleted, and stay so', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  const path = page.getByLabel('Path in the workspace');
  await app.button('New').click();
  await path.fill('configs/my/first.py');
  await app.button('OK').click();
  await app.setText('x = 1\n');
  await app.button('Duplicate').click();
  await expect(path).toHaveValue('configs/my/first_copy.py');
  await app.button('OK').click();
  await expect(app.editor.getByRole('heading', { name: 'first_copy.py' })).toBeVisible();
  await app.button('Rename first_copy.py').click();
  await path.fill('configs/my/first.py');
  await app.button('OK').click();
  await expect(page.getByRole('dialog')).toContainText('exists already');
  await path.fill('configs/my/second.py');
  await app.button('OK').click();
  await app.openFile('first.py');
  await app.button('Delete first.py').click();
  await app.button('Delete').click();
  await page.reload();
  await app.editorIsReady();
  await expect(app.files.getByRole('button', { name: 'second.py', exact: true })).toBeVisible();
  await expect(app.files.getByRole('button', { name: 'first.py', exact: true })).toHaveCount(0);
  expect(await app.readStored('workspace/configs/my/second.py')).toBe('x = 1\n');
});

test('the open file and the tab are kept over a reload', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.openFile('retinanet_r18_bccd.py');
  await app.tab('Schedule').click();
  await page.reload();
  await app.editorIsReady();
  await expect(app.editor.getByRole('heading', { name: 'retinanet_r18_bccd.py' })).toBeVisible();
  await expect(app.tab('Schedule')).toHaveAttribute('aria-selected', 'true');
  await expect(page.getByRole('tabpanel')).toContainText('Policy');
});

async function boxOfText(page: TabtrainPage['page'], text: string) {
  return page.evaluate((wanted) => {
    const lines = document.querySelectorAll('.view-line');
    for (const line of lines) {
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const at = walker.currentNode.textContent?.indexOf(wanted) ?? -1;
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + wanted.length);
        const { x, y, width, height } = range.getBoundingClientRect();
        return { x, y, width, height };
      }
    }
    throw new Error(`no line shows ${wanted}`);
  }, text);
}
