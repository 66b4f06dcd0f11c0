// A browser's storage that is full: what is stored stays whole, nothing half-written stays, and the person is told.

import { build } from 'esbuild';
import { expect, test } from './page.ts';

const ENTRY = `
import { createOpfs } from './src/storage/opfs.ts';

const thrown = async (action) => {
  try {
    await action();
    return null;
  } catch (error) {
    return { code: error.code, hint: error.hint };
  }
};
const names = async () => {
  const found = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) found.push(name);
  return found.sort();
};
globalThis.fill = async () => {
  const fs = await createOpfs();
  const old = 'x'.repeat(3000);
  await fs.writeFile('config.py', old);
  await fs.writeFile('run.log', old);
  const before = await names();
  const big = new Uint8Array(40 << 20);
  const errors = {
    overwrite: await thrown(() => fs.writeFile('config.py', big)),
    fresh: await thrown(() => fs.writeFile('epoch_1.pth', big)),
    append: await thrown(() => fs.appendFile('run.log', big)),
  };
  return {
    errors,
    isKept: (await fs.readText('config.py')) === old && (await fs.readText('run.log')) === old,
    before,
    after: await names(),
  };
};
if (typeof document === 'undefined') globalThis.fill().then(postMessage, (error) => postMessage(String(error)));
`;

test('a full storage: the old files stay whole and nothing half-written stays', async ({ page, context }) => {
  const built = await build({
    stdin: { contents: ENTRY, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2023',
  });
  const script = built.outputFiles[0]?.text ?? '';
  await page.route('**/empty.html', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>full</title>' }),
  );
  await page.goto('/empty.html');
  const cdp = await context.newCDPSession(page);
  await cdp.send('Storage.overrideQuotaForOrigin', {
    origin: new URL(page.url()).origin,
    quotaSize: 10 << 20,
  });
  await page.addScriptTag({ content: script });
  const results = {
    worker: await page.evaluate(
      (text) =>
        new Promise<unknown>((resolve, reject) => {
          const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
          worker.onmessage = (event: MessageEvent<unknown>) => resolve(event.data);
          worker.onerror = (event) => reject(new Error(event.message));
        }),
      script,
    ),
    page: await page.evaluate(() => (globalThis as unknown as { fill(): Promise<unknown> }).fill()),
  };
  const full = { code: 'storage-full', hint: expect.stringContaining('delete old runs') as unknown };
  const wanted = {
    errors: { overwrite: full, fresh: full, append: full },
    isKept: true,
    before: ['config.py', 'run.log'],
    after: ['config.py', 'run.log'],
  };
  expect(results).toEqual({ worker: wanted, page: wanted });
});
