// Stop, Pause and Train at moments when their workers are busy.

import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
const TRAIN_TIMEOUT_MS = 180_000;
const LONG = "runner = dict(type='EpochBasedRunner', max_epochs=9)\n";
const SHOWN_MS = 1000;
/** A step, a batch of an evaluation or the timing of a kernel, on a machine that is busy with other things. */
const HEARD_MS = 5000;

async function writeConfig(app: TabtrainPage, settings: string): Promise<void> {
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  await app.setText(
    `${text
      .replace(/# --- case\n[\s\S]*/, '')
      .replace(/img_scale = \(\d+, \d+\)/, 'img_scale = (64, 64)')
      .replace(/num_images=320/, 'num_images=40')
      .replace(/samples_per_gpu=\d+/, 'samples_per_gpu=2')
      .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)')}# --- case\n${settings}`,
  );
}

test('Stop and Pause are shown at once, and Stop ends the run: preparing, in the first step, between steps, measuring kernels, evaluating', async ({
  page,
}) => {
  test.setTimeout(10 * 60_000);
  const app = new TabtrainPage(page);
  await app.open();
  /** Within the page: what the test's own clicks take on a busy machine is no part of it. */
  const after = async (label: string, button: string, shown: string): Promise<void> => {
    await expect(app.button(button)).toBeEnabled();
    const tookMs = await page.evaluate(
      ({ name, text }) =>
        new Promise<number>((resolve) => {
          const status = document.querySelector('[role=status]');
          const isShown = (): boolean => status?.textContent.includes(text) ?? false;
          const since = performance.now();
          const observer = new MutationObserver(() => {
            if (!isShown()) return;
            observer.disconnect();
            resolve(Math.round(performance.now() - since));
          });
          observer.observe(document.body, { subtree: true, childList: true, characterData: true });
          const found = [...document.querySelectorAll('button')].find(
            (one) => one.textContent.trim() === name,
          );
          found?.click();
        }),
      { name: button, text: shown },
    );
    console.log(`[${label}] ${button}: ${tookMs} ms`);
    expect.soft(tookMs, label).toBeLessThan(SHOWN_MS);
  };
  /** The run waits: how soon depends on what it does, and nothing is logged any more. */
  const isPaused = async (label: string, withinMs = Infinity): Promise<void> => {
    const since = Date.now();
    await expect(app.status).toContainText('Paused', { timeout: TRAIN_TIMEOUT_MS });
    const tookMs = Date.now() - since;
    const lines = await app.log.textContent();
    console.log(`[${label}] paused: ${tookMs} ms`);
    expect.soft(tookMs, label).toBeLessThan(withinMs);
    await page.waitForTimeout(1000);
    expect.soft(await app.log.textContent(), label).toBe(lines);
    await expect(app.status).toContainText('Paused');
  };
  const train = async (): Promise<void> => {
    await app.button('Train').click();
    await expect(app.status).toContainText(/Preparing|Training/, { timeout: TRAIN_TIMEOUT_MS });
  };
  const ended = async (label: string): Promise<void> => {
    const since = Date.now();
    await expect(app.button('Train')).toBeVisible({ timeout: TRAIN_TIMEOUT_MS });
    console.log(`[${label}] ended ${Date.now() - since} ms later`);
  };
  await writeConfig(app, LONG);

  await train();
  await after('preparing', 'Stop', 'Stopp');
  await ended('preparing');

  await train();
  await expect(app.status).toContainText('first iteration', { timeout: TRAIN_TIMEOUT_MS });
  await after('first step', 'Pause', 'Paus');
  await isPaused('first step');
  await app.button('Resume').click();
  await page.waitForTimeout(1000);
  await after('first step', 'Stop', 'Stopp');
  await ended('first step');

  await train();
  await expect(app.status).toContainText('iteration 3', { timeout: TRAIN_TIMEOUT_MS });
  await after('between steps', 'Pause', 'Paus');
  await isPaused('between steps', HEARD_MS);
  await app.button('Resume').click();
  await expect(app.status).toContainText('Training');
  await after('between steps', 'Stop', 'Stopp');
  await ended('between steps');

  await writeConfig(app, `kernels = 'measure'\n${LONG}`);
  await train();
  await expect(app.status).toContainText('first iteration', { timeout: TRAIN_TIMEOUT_MS });
  await page.waitForTimeout(5000);
  await after('measuring kernels', 'Pause', 'Paus');
  await isPaused('measuring kernels', HEARD_MS);
  await app.button('Resume').click();
  await after('measuring kernels', 'Stop', 'Stopp');
  await ended('measuring kernels');

  await writeConfig(
    app,
    "runner = dict(type='IterBasedRunner', max_iters=9)\nevaluation = dict(interval=1, metric='bbox')\n",
  );
  await train();
  await expect(app.status).toContainText('iteration 1', { timeout: TRAIN_TIMEOUT_MS });
  await page.waitForTimeout(3000);
  await after('evaluating', 'Pause', 'Paus');
  await isPaused('evaluating', HEARD_MS);
  await app.button('Resume').click();
  await page.waitForTimeout(2000);
  await after('evaluating', 'Stop', 'Stopp');
  await ended('evaluating');
});

test('Train starts the config it was pressed for, or none', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.editor.getByRole('textbox').first().focus();
  await page.keyboard.press('ControlOrMeta+End');
  await page.keyboard.insertText('\n# not planned yet\n');
  // In one task: the plan of the new text can't be there.
  await page.evaluate(() => {
    const button = (name: string): HTMLButtonElement | undefined =>
      [...document.querySelectorAll('button')].find((one) => one.textContent.trim().startsWith(name));
    button('Train')?.click();
    button('short_run.py')?.click();
  });
  await expect(page.getByText(/Not started: another file was opened before .*shapes/)).toBeAttached();
  await expect(app.button('Train')).toBeVisible();
  await expect(app.status).toContainText('Ready');
  await expect(app.runs.getByRole('listitem')).toHaveCount(0);

  // Stop is there while the plan is waited for.
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.editor.getByRole('textbox').first().focus();
  await page.keyboard.press('ControlOrMeta+End');
  await page.keyboard.insertText('\n# nor now\n');
  await page.evaluate(async () => {
    const button = (name: string): HTMLButtonElement | undefined =>
      [...document.querySelectorAll('button')].find((one) => one.textContent.trim().startsWith(name));
    button('Train')?.click();
    await new Promise((done) => setTimeout(done));
    button('Stop')?.click();
  });
  await expect(page.getByText('Not started: stopped while the config was checked')).toBeAttached();
  await expect(app.button('Train')).toBeVisible();
  await expect(app.runs.getByRole('listitem')).toHaveCount(0);
});

test('while the run lock is waited for: a Pause reaches the run, a Stop ends it, and a refusal is told', async ({
  page,
}) => {
  await page.addInitScript(() => {
    const { locks } = navigator;
    const request = locks.request.bind(locks) as (...args: unknown[]) => Promise<unknown>;
    const held = { isRefused: false, letGo: (): void => undefined };
    Object.assign(window, { held });
    locks.request = async (name: string, ...rest: unknown[]) => {
      if (name === 'tabtrain-run') {
        if (held.isRefused) throw new DOMException('the lock manager is gone', 'SecurityError');
        await new Promise<void>((letGo) => (held.letGo = letGo));
      }
      return request(name, ...rest);
    };
  });
  const letGo = (): Promise<void> =>
    page.evaluate(() => (window as unknown as { held: { letGo(): void } }).held.letGo());
  const app = new TabtrainPage(page);
  await app.open();

  await app.button('Train').click();
  await expect(app.status).toContainText('Preparing');
  await app.button('Pause').click();
  await expect(app.status).toContainText('Pausing…');
  await expect(app.button('Resume')).toBeVisible();
  await letGo();
  await expect(app.status).toContainText('Paused before the first iteration', { timeout: TRAIN_TIMEOUT_MS });
  await app.button('Resume').click();
  await expect(app.status).toContainText('Preparing');
  await app.button('Stop').click();
  await expect(app.button('Train')).toBeVisible({ timeout: TRAIN_TIMEOUT_MS });

  await app.button('Train').click();
  await expect(app.status).toContainText('Preparing');
  await app.button('Stop').click();
  await letGo();
  await expect(app.button('Train')).toBeVisible();

  await page.evaluate(() => Object.assign((window as unknown as { held: object }).held, { isRefused: true }));
  await app.button('Train').click();
  await expect(app.status).toContainText('Failed: the lock manager is gone');
  await expect(app.button('Train')).toBeVisible();
});
