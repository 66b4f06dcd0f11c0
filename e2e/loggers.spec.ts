// W&B from the page: the key is asked for, the run is opened across origins, and a server that forbids that is "away".

import { FakeWandb } from '../src/runner/hooks/logger/testing/trackers.ts';
import { TrackingServer } from '../src/runner/hooks/logger/testing/trackingServer.ts';
import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;

for (const allowsPages of [true, false]) {
  const what = allowsPages ? 'W&B gets the run' : 'a server that forbids the page (CORS) is away';
  test(`the key is asked for before the first iteration; ${what}`, async ({ page }) => {
    test.setTimeout(240_000);
    const tracker = new FakeWandb();
    const server = new TrackingServer((request) => tracker.handle(request));
    server.allowsPages = allowsPages;
    await server.start();
    try {
      const app = new TabtrainPage(page);
      await app.open();
      const text = (await app.readStored(DEFAULT_PATH)) ?? '';
      const hook = `dict(type='WandbLoggerHook', init_kwargs=dict(settings=dict(base_url='${server.url}')))`;
      await app.setText(
        text.replace(/log_config = dict\(interval=\d+\)/, `log_config = dict(interval=1, hooks=[${hook}])`),
      );
      await app.button('Train').click();
      const dialog = page.getByRole('dialog', { name: 'API key of Weights & Biases' });
      await expect(dialog).toContainText(`sends it to ${server.url}`, { timeout: 120_000 });
      await dialog.getByLabel('API key of Weights & Biases').fill(`${FakeWandb.key}`, { timeout: 120_000 });
      await dialog.getByRole('button', { name: 'OK' }).click();
      await expect(dialog).toBeHidden();
      const told = allowsPages ? 'W&B: view the run at' : 'W&B is away';
      await expect(app.log).toContainText(told, { timeout: 60_000 });
      await expect(app.log).not.toContainText(FakeWandb.key);
      expect(tracker.variables).toHaveLength(allowsPages ? 1 : 0);
      if (!allowsPages) return;
      // Across origins a file goes by XMLHttpRequest, which tells how far it is.
      await app.button('Stop').click();
      await expect(app.status).toContainText(/stopped/i, { timeout: 120_000 });
      expect([...tracker.files.keys()]).toContain(DEFAULT_FILE);
      expect(tracker.ended()).toBe('exit code 0');
      expect(tracker.points().length).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  });
}
