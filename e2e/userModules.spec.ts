// A person's own optimizer, hook and optimizer constructor: made from templates, checked while typing, trained with.

import { DEFAULT_FILE, expect, TabtrainPage, test } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
/** TypeScript is 7 MB, and software WebGPU takes every core. */
const LOAD_TIMEOUT_MS = 60_000;
const TRAIN_TIMEOUT_MS = 420_000;

/** By keyboard alone. @param path other than the template's */
async function makeFromTemplate(app: TabtrainPage, template: string, path?: string): Promise<void> {
  const { page } = app;
  await app.button('New').focus();
  await page.keyboard.press('Enter');
  const select = page.getByLabel('Start with');
  await select.focus();
  await select.selectOption({ label: template });
  if (path !== undefined) await page.getByLabel('Path in the workspace').fill(path);
  await page.getByLabel('Path in the workspace').press('Enter');
  await expect(page.getByRole('dialog')).toHaveCount(0);
}

test('TypeScript knows tabtrain: squiggles, hover, completion, other modules of the workspace', async ({
  page,
}) => {
  test.setTimeout(4 * LOAD_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await makeFromTemplate(app, 'New optimizer');
  await expect(app.editor.getByRole('heading', { name: 'my_optimizer.ts' })).toBeVisible();
  const path = 'workspace/mmdet/core/optimizer/my_optimizer.ts';
  await expect.poll(() => app.readStored(path)).toContain('class MyOptimizer extends Optimizer');
  const original = (await app.readStored(path)) ?? '';
  await app.editorIsReady();

  const squiggle = app.editor.locator('.squiggly-error');
  await app.setText(original.replace('super(params, { lr,', "super('params', { lr,"));
  await expect(squiggle).toHaveCount(1, { timeout: LOAD_TIMEOUT_MS });
  await expect(async () => {
    const place = await squiggle.boundingBox();
    await page.mouse.move(place?.x ?? 0, (place?.y ?? 0) - 60);
    await page.mouse.move((place?.x ?? 0) + 12, (place?.y ?? 0) + 8, { steps: 4 });
    await expect(page.locator('.monaco-hover:visible')).toContainText('not assignable to parameter', {
      timeout: 8_000,
    });
  }).toPass({ timeout: LOAD_TIMEOUT_MS });
  // A type error stops nobody: the config still trains.
  await expect(app.button('Train')).toBeEnabled();
  await app.setText(original);
  await expect(squiggle).toHaveCount(0, { timeout: LOAD_TIMEOUT_MS });

  await page.keyboard.press('ControlOrMeta+End');
  await page.keyboard.type('\nconst o = null as unknown as MyOptimizer;\no.stateT');
  await page.keyboard.press('Control+Space');
  await expect(page.locator('.suggest-widget:visible')).toContainText('stateTensor', {
    timeout: LOAD_TIMEOUT_MS,
  });
  await page.keyboard.press('Escape');
  await app.setText(original);

  await makeFromTemplate(app, 'New hook', 'mine/say_hello.ts');
  await app.editorIsReady();
  const hook = (await app.readStored('workspace/mine/say_hello.ts')) ?? '';
  expect(hook).toContain("imports=['mine.say_hello']");
  expect(hook).toContain('class SayHello extends Hook');
  await app.setText(
    `import { MyOptimizer } from '../mmdet/core/optimizer/my_optimizer';\nimport { SGD } from 'torch/optim';\nimport { nothing } from 'mmcv/runner';\nexport const x = [MyOptimizer, SGD, nothing];\n`,
  );
  await expect(squiggle).toHaveCount(1, { timeout: LOAD_TIMEOUT_MS });
});

/** The default config, short, with what `lines` add. */
async function configWith(app: TabtrainPage, lines: string): Promise<string> {
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  return `${text
    .replace(/num_images=320/, 'num_images=4')
    .replace(/num_images=48/g, 'num_images=2')
    .replace(/samples_per_gpu=8/, 'samples_per_gpu=2')
    .replace('img_scale = (128, 128)', 'img_scale = (64, 64)')
    .replace(/max_epochs=\d+/, 'max_epochs=1')
    .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)')}
${lines}`;
}

test('type errors of modules that a run would import are listed, opened or not; imports that run are no problem', async ({
  page,
}) => {
  test.setTimeout(4 * LOAD_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  // The short config has warnings of its own.
  const problems = page
    .getByRole('list', { name: 'Problems' })
    .getByRole('link')
    .filter({ hasText: /(words|say_hello|near)\.ts/ });
  await makeFromTemplate(app, 'New hook', 'mine/say_hello.ts');
  await app.editorIsReady();
  const squiggle = app.editor.locator('.squiggly-error');
  await app.setText(`import { Hook, HOOKS } from 'mmcv.runner';
import { word } from 'mine.words';
import { near } from 'near';
import { OPTIMIZERS } from '../mmdet/core/optimizer/registry';
@HOOKS.registerModule()
export class SayHello extends Hook {
  words: number[] = [word, near, OPTIMIZERS.names().length];
}
`);
  await makeFromTemplate(app, 'New hook', 'mine/words.ts');
  await app.editorIsReady();
  await app.setText("export const word: number = 'one';\n");
  await makeFromTemplate(app, 'New hook', 'configs/shapes/near.ts');
  await app.editorIsReady();
  await app.setText('export const near = 1;\n');
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(
    await configWith(
      app,
      "custom_imports = dict(imports=['mine.say_hello'])\ncustom_hooks = [dict(type='SayHello')]\n",
    ),
  );
  await expect(problems).toHaveText(
    [/warning.*Type 'string' is not assignable to type 'number'.*words\.ts:1:14/s],
    {
      timeout: LOAD_TIMEOUT_MS,
    },
  );
  await expect(app.button('Train')).toBeEnabled();
  await problems.click();
  await expect(app.editor.getByRole('heading', { name: 'words.ts' })).toBeVisible();
  // TypeScript's own line under it, and no second one.
  await expect(squiggle).toHaveCount(1, { timeout: LOAD_TIMEOUT_MS });
  await app.openFile('say_hello.ts');
  await app.editorIsReady();
  await expect(squiggle).toHaveCount(0, { timeout: LOAD_TIMEOUT_MS });
  await app.openFile('words.ts');
  await app.editorIsReady();
  await app.setText('export const word: number = 1;\n');
  await expect(problems).toHaveCount(0, { timeout: LOAD_TIMEOUT_MS });
});

test('what a module throws is marked at its line, and the edited module is the one that runs next', async ({
  page,
}) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await app.setText(
    await configWith(
      app,
      `custom_imports = dict(imports=['mmdet.core.utils.my_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='MyHook', a=1, b=2)]
`,
    ),
  );
  // Nothing is there yet: told before any run.
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('link').filter({ hasText: 'error' });
  await expect(problem).toContainText('there is no workspace/mmdet/core/utils/my_hook.ts');
  await expect(app.button('Train')).toBeDisabled();

  await makeFromTemplate(app, 'New hook');
  await app.editorIsReady();
  await expect(app.button('Train')).toBeEnabled();
  const hook = (await app.readStored('workspace/mmdet/core/utils/my_hook.ts')) ?? '';
  for (const word of ['today', 'tomorrow']) {
    await app.setText(hook.replace('runner.logger.info(`MyHook: a=', `throw new Error(\`not ${word}: a=`));
    // A module is open: the config that was open last is trained.
    await app.button('Train').click();
    const failure = new RegExp(`Failed: MyHook\\.beforeRun threw Error: not ${word}: a=1`);
    await expect(app.status).toContainText(failure, { timeout: 180_000 });
    await expect(problem).toContainText(new RegExp(`not ${word}.*29:11`));
    await expect(app.editor.locator('.squiggly-error').first()).toBeVisible();
  }
  // A promise that nobody waits for ends the run as well, at its line.
  const alone =
    'void Promise.resolve().then(() => { throw new Error("left alone"); });\n    runner.logger.info(`MyHook: a=';
  await app.setText(hook.replace('runner.logger.info(`MyHook: a=', alone));
  await app.button('Train').click();
  await expect(app.status).toContainText(/Failed: nobody waited for what failed: .*left alone/, {
    timeout: 180_000,
  });
  await expect(problem).toContainText(/left alone.*29:47/s);
  // Somewhere else: the place is found again.
  await app.openFile(DEFAULT_FILE);
  await problem.click();
  await expect(app.editor.getByRole('heading', { name: 'my_hook.ts' })).toBeVisible();
});

test('the templates train: own optimizer, own optimizer constructor, own hook', async ({ page }) => {
  test.setTimeout(TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  const config = await configWith(
    app,
    `custom_imports = dict(
    imports=['mmdet.core.optimizer.my_optimizer', 'mmdet.core.optimizer.my_optimizer_constructor', 'mmdet.core.utils.my_hook'],
    allow_failed_imports=False)
optimizer = dict(type='MyOptimizer', lr=0.001, momentum=0.9, constructor='MyOptimizerConstructor', paramwise_cfg=dict(head_lr_mult=10.0))
custom_hooks = [dict(type='MyHook', a=1, b=2, priority='NORMAL')]
`,
  );
  await makeFromTemplate(app, 'New optimizer');
  await makeFromTemplate(app, 'New optimizer constructor');
  await makeFromTemplate(app, 'New hook');
  await app.openFile(DEFAULT_FILE);
  await app.editorIsReady();
  await app.setText(config);
  await app.button('Train').click();
  await expect(app.log).toContainText('MyHook: a=1, b=2, 1 epochs', { timeout: 180_000 });
  await expect(app.log).toContainText("type='MyOptimizer'");
  await expect(app.status).toContainText('Finished', { timeout: 300_000 });
  await expect(app.log).toContainText('MyHook: done after 2 iterations');
});
