// Modules that never come to an end, in the page: told by their line, and mended without a reload.

import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
const MODULE_PATH = 'mine/part.ts';
const TRAIN_TIMEOUT_MS = 180_000;

/** The default config, short, with the module. */
async function configText(app: TabtrainPage, type: 'hook' | 'optimizer'): Promise<string> {
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  const short = text
    .replace(/num_images=320/, 'num_images=4')
    .replace(/num_images=48/g, 'num_images=2')
    .replace(/samples_per_gpu=8/, 'samples_per_gpu=2')
    .replace('img_scale = (128, 128)', 'img_scale = (64, 64)')
    .replace(/max_epochs=\d+/, 'max_epochs=1')
    .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)');
  const part =
    type === 'hook' ? "custom_hooks = [dict(type='Part')]" : "optimizer = dict(type='PartSGD', lr=0.01)";
  return `${short}\ncustom_imports = dict(imports=['mine.part'])\n${part}\n`;
}

const hook = (body: string, top = ''): string => `import { Hook, HOOKS } from 'mmcv.runner';
${top}
@HOOKS.registerModule()
export class Part extends Hook {
${body}
}
`;

/** It is made in a decode worker, and leaves something alone there. */
const transform = (statement: string): string => `import { PIPELINES } from 'mmdet/datasets';

@PIPELINES.registerModule()
export class Part {
  async call(results: object): Promise<object> {
    ${statement};
    return results;
  }
}
`;

test('a module that hangs is told by its line, Stop ends it, and what is mended works without a reload', async ({
  page,
}) => {
  test.setTimeout(12 * 60_000);
  const app = new TabtrainPage(page);
  await app.open();
  const config = await configText(app, 'hook');
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  await app.button('New').click();
  await page.getByLabel('Start with').selectOption({ label: 'New hook' });
  await page.getByLabel('Path in the workspace').fill(MODULE_PATH);
  await page.getByLabel('Path in the workspace').press('Enter');
  await app.editorIsReady();
  await app.setText(hook('', 'const fine = 1;'));
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(config);
  const edit = async (text: string): Promise<void> => {
    await app.openFile('part.ts');
    await app.editorIsReady();
    await app.setText(text);
    await expect.poll(() => app.readStored(`workspace/${MODULE_PATH}`)).toBe(text);
  };
  const workers = (name: string): number =>
    page.workers().filter((worker) => worker.url().includes(name)).length;

  // At import: told before any run.
  await edit(hook('', 'for (;;) {}'));
  const problems = page.getByRole('list', { name: 'Problems' });
  await expect(problems).toContainText('the code must come to an end', { timeout: 60_000 });
  await expect(problems).toContainText('2:1');
  await expect(app.button('Train')).toBeDisabled();

  // In a hook, while the run goes on: said, then stopped at once.
  await edit(hook('  override afterTrainIter(): void {\n    for (;;) {}\n  }'));
  await app.button('Train').click();
  await expect(app.status).toContainText('part.ts:6', { timeout: TRAIN_TIMEOUT_MS });
  const before = Date.now();
  await app.button('Stop').click();
  await expect(app.status).toContainText('Failed: the run was ended because the code had not come to an end');
  expect(Date.now() - before).toBeLessThan(4000);
  // Its folder says that it runs, and no tab holds it any more.
  await expect(app.runs.getByRole('listitem').first()).toContainText('Interrupted');
  await expect.poll(() => workers('runWorker')).toBe(0);

  // A hook that waits for ever: the second Stop ends it.
  await edit(
    hook('  override afterTrainIter(): Promise<void> {\n    return new Promise(() => undefined);\n  }'),
  );
  await app.button('Train').click();
  await expect(app.status).toContainText('Training', { timeout: TRAIN_TIMEOUT_MS });
  await page.waitForTimeout(15_000);
  await app.button('Stop').click();
  await expect(app.status).toContainText(/Stopping: waiting for Part\.afterTrainIter|Stopped|Interrupted/);
  if (await app.button('Stop').isVisible()) await app.button('Stop').click();
  await expect(app.button('Train')).toBeVisible({ timeout: 5000 });

  // Closing the worker is refused at its line.
  await edit(hook('  override beforeRun(): void {\n    self.close();\n  }'));
  await app.button('Train').click();
  await expect(app.status).toContainText('a module must not end its worker', { timeout: TRAIN_TIMEOUT_MS });

  // Beside the samples, in a decode worker: its line, and the run's own end.
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(
    config
      .replace(/custom_hooks = .*/, '')
      .replace("dict(type='RandomFlip', flip_ratio=0.5),", "$& dict(type='Part'),"),
  );
  for (const [statement, message] of [
    ["void Promise.reject(new Error('boom'))", 'nobody waited for what failed: Part.call threw Error: boom'],
    // No Error: the event alone knows where.
    ["setTimeout(() => { throw 'boom'; })", 'nobody waited for what failed: the module threw Error: boom'],
    // Of no module, as far as anybody knows: it ends its worker, and the run, but not the run's worker.
    [
      "setTimeout(() => { throw Object.assign(new Error('boom'), { stack: '' }); })",
      'decode worker 0 stopped working: Uncaught Error: boom',
    ],
  ] as const) {
    await edit(transform(statement));
    await app.button('Train').click();
    await expect(app.status, statement).not.toContainText('Failed');
    await expect(app.status, statement).toContainText(`Failed: ${message}`, {
      timeout: TRAIN_TIMEOUT_MS,
    });
    if (message.startsWith('nobody')) await expect(problems).toContainText('6:');
    await expect(app.log).toContainText(message);
    await expect(app.runs.getByRole('listitem').first()).toContainText('Failed');
    await expect.poll(() => workers('runWorker') + workers('decodeWorker')).toBe(0);
  }

  // Mended: runs end well, one worker each, none left.
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(config);
  await edit(hook('  override beforeRun(): void {}'));
  for (let run = 0; run < 3; run++) {
    await app.button('Train').click();
    await expect(app.status).not.toContainText('Finished');
    await expect(app.status).toContainText('Finished', { timeout: TRAIN_TIMEOUT_MS });
    await expect.poll(() => workers('runWorker')).toBe(0);
  }
  expect(await page.evaluate(() => 'isSamePage' in window)).toBe(true);
});

test('Parameters tab: a module that hangs where no guard sees it is ended; the mended one is planned', async ({
  page,
}) => {
  test.setTimeout(5 * 60_000);
  const app = new TabtrainPage(page);
  await app.open();
  const config = await configText(app, 'optimizer');
  const optimizer = (top: string): string => `import { OPTIMIZERS, SGD } from 'tabtrain';
${top}
@OPTIMIZERS.registerModule()
export class PartSGD extends SGD {}
`;
  await app.button('New').click();
  await page.getByLabel('Start with').selectOption({ label: 'New optimizer' });
  await page.getByLabel('Path in the workspace').fill(MODULE_PATH);
  await page.getByLabel('Path in the workspace').press('Enter');
  await app.editorIsReady();
  // A regular expression that backtracks for ever.
  await app.setText(optimizer("export const x = /^(a+)+$/.test('a'.repeat(60) + 'b');"));
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(config);
  await app.tab('Parameters').click();
  const panel = page.getByRole('tabpanel', { name: 'Parameters' });
  const problems = page.getByRole('list', { name: 'Problems' });
  await expect(problems).toContainText(/come to an end/, { timeout: 40_000 });
  await expect(problems).toContainText('part.ts');
  await app.openFile('part.ts');
  await app.editorIsReady();
  await app.setText(optimizer('export const x = { toString() { for (;;) {} } };\nexport const y = `${x}`;'));
  await app.openFile(DEFAULT_FILE);
  await app.setText(`${config}\n`);
  await expect(problems).toContainText(/has run for 5 s without a pause/, { timeout: 40_000 });
  await app.openFile('part.ts');
  await app.editorIsReady();
  await app.setText(optimizer(''));
  await app.openFile(DEFAULT_FILE);
  await app.setText(`${config}\n\n`);
  await expect(panel.getByRole('table')).toBeVisible({ timeout: 40_000 });
});

test('a module that allocates without end is told by its line within 10 s, the page lives on, and what is mended trains', async ({
  page,
}) => {
  test.setTimeout(8 * 60_000);
  let hasCrashed = false;
  page.on('crash', () => (hasCrashed = true));
  const app = new TabtrainPage(page);
  await app.open();
  const config = await configText(app, 'hook');
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  await app.button('New').click();
  await page.getByLabel('Start with').selectOption({ label: 'New hook' });
  await page.getByLabel('Path in the workspace').fill(MODULE_PATH);
  await page.getByLabel('Path in the workspace').press('Enter');
  await app.editorIsReady();
  await app.setText(hook('', 'const fine = 1;'));
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(config);
  const problems = page.getByRole('list', { name: 'Problems' });
  const edit = async (text: string): Promise<void> => {
    await app.openFile('part.ts');
    await app.editorIsReady();
    await app.setText(text);
  };
  // The compiler is loaded once the module has been planned with.
  await expect(problems).toContainText('never evaluated', { timeout: 60_000 });

  // At import.
  const waste: [string, RegExp][] = [
    ['const l = []; for (;;) l.push(new Float64Array(1 << 22));', /must fit into memory/],
    ["let s = 'ab'; for (;;) s += s;", /string length/],
    ['const b = new ArrayBuffer(2 ** 40);', /array length|buffer/i],
  ];
  for (const [line, message] of waste) {
    await edit(hook('', line));
    const since = Date.now();
    await expect(problems).toContainText(message, { timeout: 60_000 });
    await expect(problems).toContainText('2:');
    expect(Date.now() - since, line).toBeLessThan(10_000);
  }

  // In a hook.
  await edit(
    hook(
      '  override afterTrainIter(): void {\n    for (;;) this.kept.push(new Float64Array(1 << 20).fill(1));\n  }\n  readonly kept: Float64Array[] = [];',
    ),
  );
  // Train waits for the plan of the new text.
  await app.button('Train').click();
  await expect(app.status).toContainText('Failed: the code must fit into memory', {
    timeout: TRAIN_TIMEOUT_MS,
  });
  await expect(problems).toContainText('6:');
  await edit(hook('  override beforeRun(): void {}'));
  await app.button('Train').click();
  await expect(app.status).not.toContainText('Failed');
  await expect(app.status).toContainText('Finished', { timeout: TRAIN_TIMEOUT_MS });
  expect(hasCrashed).toBe(false);
  expect(await page.evaluate(() => 'isSamePage' in window)).toBe(true);
});
