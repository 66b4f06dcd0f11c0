// Learn: every step is tried, and what it says is to be seen.

import { expect, TabtrainPage, test } from './page.ts';
import { STEPS } from './learnSteps.ts';

const TRAIN_TIMEOUT_MS = 120_000;

/** The walk through all steps is as long as all other tests of the page together: its parts go side by side. */
const PARTS = 3;

for (let part = 1; part <= PARTS; part++) {
  test(`all steps, part ${part} of ${PARTS}: each opens, Try it trains its config, and what to look at is there`, async ({
    page,
  }) => {
    test.setTimeout(600_000);
    const app = new TabtrainPage(page);
    await app.open();
    const toggle = app.button('Learn');
    await toggle.click();
    const learn = page.getByRole('region', { name: 'Learn' });
    const heading = learn.getByRole('heading', { level: 3 });
    await expect(heading).toBeFocused();

    await learn.getByText('All steps').click();
    const choices = learn.getByRole('navigation', { name: 'Steps of Learn' }).getByRole('button');
    const titles = (await choices.allInnerTexts()).map((text) => text.trim());
    expect(titles.toSorted()).toEqual(Object.keys(STEPS).toSorted());
    const first = Math.floor((titles.length * (part - 1)) / PARTS);
    const behind = Math.floor((titles.length * part) / PARTS);
    await choices.nth(first).click();

    for (let i = first; i < behind; i++) {
      await expect(heading).toBeFocused();
      await expect(heading).toHaveText(titles[i] ?? '');
      const step = STEPS[titles[i] ?? ''];
      if (!step) throw new Error(`learnSteps.ts doesn't know "${titles[i]}"`);
      await learn.getByRole('button', { name: 'Try it' }).click();
      await expect(app.editor.getByRole('heading', { level: 2 })).toHaveText(step.config);
      await expect(app.status).toContainText(/Training: epoch \d of 4|Finished/, {
        timeout: TRAIN_TIMEOUT_MS,
      });
      // Each line that the step promises is found in the run's log and shown beside the promise.
      for (const line of step.log)
        await expect(learn.getByRole('list').getByText(line).first()).toBeVisible({
          timeout: TRAIN_TIMEOUT_MS,
        });
      await expect(app.status).toContainText(`Finished: ${step.config.replace('.py', '')}`, {
        timeout: TRAIN_TIMEOUT_MS,
      });
      await expect(page.getByRole('tab', { selected: true })).toHaveText(step.tab);
      const next = learn.getByRole('button', { name: 'Next' });
      if (i === titles.length - 1) await expect(next).toHaveCount(0);
      else {
        await next.click();
        await expect(heading).toBeFocused();
        await expect(heading).toHaveText(titles[i + 1] ?? '');
      }
    }
    await learn.getByText('All steps').click();
    await expect(learn.getByRole('button', { name: /, tried$/ })).toHaveCount(behind - first);
    await learn.getByRole('button', { name: 'Close' }).click();
    await expect(toggle).toBeFocused();
    await expect(app.files).toBeVisible();
  });
}

test('what a person changed in a step is trained, and can be put back', async ({ page }) => {
  test.setTimeout(2 * TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  await app.button('Learn').focus();
  await page.keyboard.press('Enter');
  const learn = page.getByRole('region', { name: 'Learn' });
  // By keyboard: the list of steps, then a step of it.
  await learn.locator('summary').focus();
  await page.keyboard.press('Space');
  const choice = learn.getByRole('button', { name: 'The learning rate', exact: true });
  await choice.focus();
  await page.keyboard.press('Enter');
  await expect(learn.getByRole('heading', { name: 'The learning rate' })).toBeFocused();
  const tryIt = learn.getByRole('button', { name: 'Try it' });
  await tryIt.focus();
  await page.keyboard.press('Enter');
  await expect(tryIt).toHaveAttribute('aria-disabled', 'true');
  await expect(tryIt).toBeFocused();
  await expect(app.status).toContainText('Finished', { timeout: TRAIN_TIMEOUT_MS });
  const path = 'workspace/configs/learn/learning_rate.py';
  const original = (await app.readStored(path)) ?? '';
  await app.setText(original.replace('0.005', '0.007'));
  await expect(learn).toContainText('You changed configs/learn/learning_rate.py');
  await tryIt.click();
  await expect(app.log).toContainText('lr: 7.000e-03', { timeout: TRAIN_TIMEOUT_MS });
  await expect(app.status).toContainText('Finished', { timeout: TRAIN_TIMEOUT_MS });
  await learn.getByRole('button', { name: /^Put the step/ }).click();
  // Nothing happens unasked.
  const dialog = page.getByRole('dialog', { name: /^Put the step/ });
  await expect(dialog).toContainText('configs/learn/learning_rate.py');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await app.readStored(path)).toContain('0.007');
  await learn.getByRole('button', { name: /^Put the step/ }).click();
  await dialog.getByRole('button', { name: 'Put it back' }).click();
  await expect.poll(() => app.readStored(path)).toBe(original);
  await expect(learn).not.toContainText('You changed');
  // What the person wrote is still there.
  expect(await app.readStored('workspace/configs/learn/learning_rate_mine.py')).toContain('0.007');
  await learn.getByRole('button', { name: 'Close' }).click();
  await expect(app.files.getByRole('button', { name: 'learning_rate_mine.py', exact: true })).toBeVisible();
});

test("a file of the person's own with a step's name is kept: Try it asks, and so does the next template", async ({
  page,
}) => {
  test.setTimeout(2 * TRAIN_TIMEOUT_MS);
  const app = new TabtrainPage(page);
  await app.open();
  const path = 'workspace/mmdet/core/optimizer/my_optimizer.ts';
  const makeNew = async (): Promise<void> => {
    await app.button('New').click();
    await page.getByLabel('Start with').selectOption({ label: 'New optimizer' });
  };
  const place = page.getByLabel('Path in the workspace');
  await makeNew();
  await place.press('Enter');
  await expect.poll(() => app.readStored(path)).toContain('momentum = 0.9');
  const own = (await app.readStored(path)) ?? '';

  await app.button('Learn').click();
  const learn = page.getByRole('region', { name: 'Learn' });
  await learn.getByText('All steps').click();
  await learn.getByRole('button', { name: 'Write an optimizer of your own', exact: true }).click();
  await learn.getByRole('button', { name: 'Try it' }).click();
  const dialog = page.getByRole('dialog', { name: 'A file of yours has the name of the step’s' });
  await expect(dialog).toContainText('mmdet/core/optimizer/my_optimizer.ts');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await app.readStored(path)).toBe(own);
  await learn.getByRole('button', { name: 'Try it' }).click();
  await dialog.getByRole('button', { name: 'Keep mine aside and try the step' }).click();
  await expect(app.status).toContainText('Finished: own_optimizer', { timeout: TRAIN_TIMEOUT_MS });
  expect(await app.readStored(path.replace('.ts', '_mine.ts'))).toBe(own);
  // From here on it is the step's file: a change of it is trained without a question.
  await learn.getByRole('button', { name: 'Try it' }).click();
  await expect(app.status).toContainText(/Preparing|Training|Finished/);
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await learn.getByRole('button', { name: 'Close' }).click();
  await makeNew();
  await expect(place).toHaveValue('mmdet/core/optimizer/my_optimizer2.ts');
});

test('the Parameters tab follows the text: rules, filter, a calm word on errors', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.tab('Parameters').click();
  const panel = page.getByRole('tabpanel');
  const row = (name: RegExp) => panel.getByRole('row', { name });
  await expect(row(/norm_decay_mult=0.*0\.003.*40/)).toBeVisible({ timeout: 60_000 });
  await panel.getByLabel('Filter by name or rule').fill('layer2.0.bn1');
  await expect(row(/0\.bn1\.weight.*norm_decay_mult=0/)).toBeVisible();
  await app.openFile('short_run.py');
  const text = (await app.readStored('workspace/configs/learn/short_run.py')) ?? '';
  const paramwise = "paramwise_cfg=dict(custom_keys={'layer2': dict(lr_mult=0.5)}), weight_decay=0.0001)";
  await app.setText(text.replace('weight_decay=0.0001)', paramwise));
  await expect(row(/0\.bn1\.weight.*0\.01.*custom_keys\['layer2'\]: lr_mult=0\.5/)).toBeVisible();
  await app.setText(text.replace("type='SGD'", "type='SGDD'"));
  await expect(page.getByRole('list', { name: 'Problems' })).toContainText('SGDD');
  await expect(panel.getByRole('note')).toContainText('listed under Problems');
  // No alarm: nobody asked for anything yet.
  await expect(page.getByRole('alert').filter({ hasText: 'SGDD' })).toHaveCount(0);
});

test('the Schedule tab draws each group, reads by keyboard, and follows the text', async ({ page }) => {
  const app = new TabtrainPage(page);
  await app.open();
  await app.openFile('short_run.py');
  await app.tab('Schedule').click();
  const panel = page.getByRole('tabpanel');
  await expect(panel).toContainText('2 iterations an epoch, counted in the training set.', {
    timeout: 60_000,
  });
  const chart = panel.getByRole('figure', { name: /^Learning rate/ });
  await expect(chart).toHaveAccessibleName('Learning rate: all parameters 0.002000');
  const text = (await app.readStored('workspace/configs/learn/short_run.py')) ?? '';
  const paramwise = "paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.5)}), weight_decay=0.0001)";
  await app.setText(text.replace('weight_decay=0.0001)', paramwise));
  await expect(chart).toHaveAccessibleName(
    /custom_keys\['backbone'\]: lr_mult=0\.5 0\.001000, default 0\.002000/,
  );
  await panel.getByText('Values as a table').focus();
  await page.keyboard.press('Enter');
  // The fifth iteration is the first behind the warm-up.
  await expect(panel.getByRole('row', { name: '5 3 0.01 0.02 0.9 0.9' })).toBeVisible();
});
