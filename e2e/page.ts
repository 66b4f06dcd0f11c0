// The page as the specs use it: by role and accessible name.

import { expect, test as base, type Locator, type Page } from '@playwright/test';

export const DEFAULT_FILE = 'retinanet_tiny_shapes.py';

/** Any uncaught error or console error of the page or its workers fails the test. */
export const test = base.extend<{ failOnErrors: undefined }>({
  failOnErrors: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      await use(undefined);
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

export class TabtrainPage {
  readonly page: Page;
  readonly editor: Locator;
  readonly files: Locator;
  readonly runs: Locator;
  readonly log: Locator;
  readonly status: Locator;

  constructor(page: Page) {
    this.page = page;
    this.editor = page.getByRole('region', { name: 'Config editor' });
    this.files = page.getByRole('region', { name: 'Files' });
    this.runs = page.getByRole('region', { name: 'Runs', exact: true });
    this.log = page.getByRole('region', { name: 'Log' });
    this.status = page.getByRole('status');
  }

  /** Open the page and wait until the config is in the editor. */
  async open(): Promise<void> {
    await this.page.goto('/');
    await this.editorIsReady();
  }

  async editorIsReady(): Promise<void> {
    await expect(this.editor.locator('.view-line').first()).toBeVisible();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  tab(name: string): Locator {
    return this.page.getByRole('tab', { name });
  }

  openFile(name: string): Promise<void> {
    return this.files.getByRole('button', { name, exact: true }).click();
  }

  /** Replace the whole text of the open file, as by pasting. */
  async setText(text: string): Promise<void> {
    // A dialog that is still at work keeps the focus, and would take the keys.
    await expect(this.page.getByRole('dialog')).toHaveCount(0);
    const textbox = this.editor.getByRole('textbox').first();
    // Not by a click: it would scroll wide lines to bring their middle into view.
    // Again where a file that is still being opened takes the focus once more.
    await expect(async () => {
      await textbox.focus();
      await expect(textbox).toBeFocused({ timeout: 500 });
    }).toPass({ timeout: 20_000 });
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.press('Delete');
    await this.page.keyboard.insertText(text);
    await expect(this.editor.getByText('Saved', { exact: true })).toBeVisible();
  }

  /** A file of the tab's own storage, as text; null when it is not there. */
  readStored(path: string): Promise<string | null> {
    return this.page.evaluate(async (wanted) => {
      const names = wanted.split('/');
      const last = names.pop() ?? '';
      try {
        let folder = await navigator.storage.getDirectory();
        for (const name of names) folder = await folder.getDirectoryHandle(name);
        return await (await (await folder.getFileHandle(last)).getFile()).text();
      } catch {
        return null;
      }
    }, path);
  }
}
