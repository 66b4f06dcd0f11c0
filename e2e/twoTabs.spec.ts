// Two tabs over one storage, and a window that has none.

import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
const COPY_PATH = DEFAULT_PATH.replace('.py', '_mine.py');

async function goToTop(app: TabtrainPage): Promise<void> {
  await app.editor.getByRole('textbox').first().focus();
  await app.page.keyboard.press('ControlOrMeta+Home');
}

test('a text stored in one tab appears in the other; two texts of one file are told, and none is lost', async ({
  page,
  context,
}) => {
  const first = new TabtrainPage(page);
  await first.open();
  const second = new TabtrainPage(await context.newPage());
  await second.open();

  await goToTop(first);
  await first.page.keyboard.insertText('# from the first\n');
  await expect(second.editor).toContainText('# from the first');

  // A whole text each, within the time that it takes to store one: nothing but the typing lies between them.
  await goToTop(first);
  await goToTop(second);
  await Promise.all([
    first.page.keyboard.insertText('# mine\n'),
    second.page.keyboard.insertText('# theirs\n'),
  ]);
  const conflicts = (): Promise<number[]> =>
    Promise.all(
      [first, second].map(({ page: tab }) =>
        tab.getByRole('alert').filter({ hasText: 'was changed in another tab' }).count(),
      ),
    );
  await expect.poll(async () => (await conflicts()).reduce((sum, count) => sum + count)).toBe(1);
  const loser = (await conflicts())[0] === 1 ? first : second;
  const winner = loser === first ? second : first;
  const [lost, won] = loser === first ? ['# mine', '# theirs'] : ['# theirs', '# mine'];
  await expect(winner.page.getByText('Another tab has edits of')).toBeVisible();
  expect(await loser.readStored(DEFAULT_PATH)).toContain(won);
  expect(await loser.readStored(DEFAULT_PATH)).not.toContain(lost);

  await loser.button('Keep both').click();
  await expect(loser.editor).toContainText(won);
  expect(await loser.readStored(COPY_PATH)).toContain(lost);
  expect(await loser.readStored(DEFAULT_PATH)).toContain(won);
  await expect(loser.page.getByRole('alert').filter({ hasText: 'another tab' })).toHaveCount(0);
});

test('a window that keeps no files says so once, and does not invite to train', async ({ page }) => {
  await page.addInitScript(() => {
    // As Firefox does in a private window.
    navigator.storage.getDirectory = () =>
      Promise.reject(new DOMException('Security error', 'SecurityError'));
  });
  const app = new TabtrainPage(page);
  await page.goto('/');
  await expect(app.status).toContainText('This window keeps no files');
  await expect(page.getByText('Ready. Press Train')).toHaveCount(0);
  await expect(page.getByText(/Security error/)).toHaveCount(0);
  await expect(app.button('Train')).toBeDisabled();
});
