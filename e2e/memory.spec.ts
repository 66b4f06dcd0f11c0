// GPU memory after ten runs in one tab.

import { readFileSync } from 'node:fs';
import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
const TRAIN_TIMEOUT_MS = 180_000;
const RUNS = Number(process.env['MEMORY_RUNS'] ?? 0);

/** Resident megabytes of a process. Linux only. */
function residentMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024);
}

test('ten runs in one tab leave no more GPU memory than one', async ({ page, browser }) => {
  test.skip(RUNS === 0, 'takes minutes: MEMORY_RUNS=10');
  test.setTimeout((RUNS + 2) * 120_000);
  const app = new TabtrainPage(page);
  await app.open();
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  await app.setText(
    text
      .replace(/num_images=320/, 'num_images=16')
      .replace(/num_images=48/g, 'num_images=2')
      .replace(/max_epochs=\d+/, 'max_epochs=1'),
  );
  const cdp = await browser.newBrowserCDPSession();
  const seen: Record<string, number>[] = [];
  for (let run = 1; run <= RUNS; run++) {
    await app.button('Train').click();
    await expect(app.status).not.toContainText('Finished');
    await expect(app.status).toContainText('Finished', { timeout: TRAIN_TIMEOUT_MS });
    await expect(app.button('Train')).toBeVisible();
    // The GPU process frees what a worker had once it has heard of its end.
    await page.waitForTimeout(3000);
    const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
    const sum = (type: string): number =>
      processInfo.filter((one) => one.type === type).reduce((total, { id }) => total + residentMb(id), 0);
    seen.push({ run, gpu: sum('GPU'), renderer: sum('renderer') });
    console.log(JSON.stringify(seen.at(-1)));
  }
  const [first, last] = [seen.at(0)?.['gpu'] ?? 0, seen.at(-1)?.['gpu'] ?? 0];
  expect(last).toBeLessThan(first * 1.25);
});
