// The laws of every file system, kept by the browser's own: in a worker, where the trainer writes through sync access
// handles, and on the page's thread, where there are streams only.

import { build } from 'esbuild';
import { expect, test } from './page.ts';

const ENTRY = `
import { fileSystemLaws } from './src/storage/fileSystemLaws.testing.ts';
import { createOpfs } from './src/storage/opfs.ts';

globalThis.runLaws = async (place) => {
  const results = {};
  for (const [index, [title, law]] of Object.entries(fileSystemLaws).entries()) {
    try {
      await law(await createOpfs('laws/' + place + index));
      results[title] = 'kept';
    } catch (error) {
      results[title] = String(error?.stack ?? error);
    }
  }
  return results;
};
if (typeof document === 'undefined') globalThis.runLaws('worker').then(postMessage);
`;

interface LawGlobals {
  runLaws(place: string): Promise<Record<string, string>>;
}

test('the laws of a file system hold in OPFS', async ({ page }) => {
  const built = await build({
    stdin: { contents: ENTRY, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2023',
  });
  const script = built.outputFiles.at(0)?.text ?? '';
  // An empty page of the same origin: OPFS needs one, tabtrain itself would only be in the way.
  await page.route('**/empty.html', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>laws</title>' }),
  );
  await page.goto('/empty.html');
  await page.addScriptTag({ content: script });
  const results = {
    page: await page.evaluate(() => (globalThis as unknown as LawGlobals).runLaws('page')),
    worker: await page.evaluate(
      (text) =>
        new Promise<Record<string, string>>((resolve, reject) => {
          const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
          worker.onmessage = (event: MessageEvent<Record<string, string>>) => resolve(event.data);
          worker.onerror = (event) => reject(new Error(event.message));
        }),
      script,
    ),
  };
  for (const [where, outcomes] of Object.entries(results)) {
    expect(Object.keys(outcomes).length).toBeGreaterThan(15);
    const broken = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'kept');
    expect(broken, `laws broken in the ${where}`).toEqual([]);
  }
});
