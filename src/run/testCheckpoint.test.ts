// Evaluating is a plan and a checkpoint: what the plan finds is told, and what evaluating doesn't need stops nothing.

import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { testCheckpoint, type TestResult } from './test.ts';
import { shortRun, type ShortRun } from './testing/shortRun.ts';

await testAdapter();

const CONFIG = `_base_ = ['./short_run.py']
checkpoint_config = dict(interval=1)
evaluation = dict(interval=1, metric='bbox', save_best='auto')
runner = dict(max_epochs=2)
model = dict(test_cfg=dict(score_thr=0.0))
`;
const PATH = 'workspace/configs/learn/mine.py';

const run: Promise<ShortRun> = shortRun('configs/learn/mine.py', { 'configs/learn/mine.py': CONFIG });

interface Tested extends TestResult {
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

/** Evaluate a checkpoint of the run with the config and `more` lines. */
async function tested(checkpoint: string, more = '', module = '', metric?: string): Promise<Tested> {
  const { fs } = await run;
  await fs.writeFile(PATH, CONFIG + more);
  await fs.writeFile('workspace/mine.ts', module);
  const lines: string[] = [];
  const warnings: string[] = [];
  const result = await testCheckpoint({
    configPath: PATH,
    checkpoint,
    fs,
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    metric,
    log: (line) => lines.push(line),
    warn: (message) => warnings.push(message),
  });
  return { ...result, lines, warnings };
}

test('of a work dir its best checkpoint is evaluated, else its newest; of the folder above, the newest run', async () => {
  const { fs, workDir } = await run;
  const above = workDir.slice(0, workDir.lastIndexOf('/'));
  const best = (await fs.list(workDir)).find(({ name }) => name.startsWith('best_'))?.name;
  const newest = `${workDir}/epoch_2.pth`;
  const expected = best === undefined ? newest : `${workDir}/${best}`;
  const { metrics } = await tested(expected);
  for (const folder of [workDir, above]) {
    const found = await tested(folder);
    expect(found.lines[0]).toBe(`testing ${expected}`);
    expect(found.metrics).toEqual(metrics);
  }
  await fs.writeFile('w/epoch_1.pth', await fs.readFile(`${workDir}/epoch_1.pth`));
  expect((await tested('w')).lines[0]).toBe('testing w/epoch_1.pth');
  await fs.writeFile('w2/best_bbox_mAP_epoch_1.pth', await fs.readFile(`${workDir}/epoch_1.pth`));
  await fs.writeFile('w2/epoch_2.pth', await fs.readFile(newest));
  expect((await tested('w2')).lines[0]).toBe('testing w2/best_bbox_mAP_epoch_1.pth');
}, 60_000);

test('what only training needs is a warning, with its place', async () => {
  const { workDir } = await run;
  const { warnings, metrics } = await tested(
    `${workDir}/epoch_2.pth`,
    "optimizer = dict(type='SGDD')\nload_from = 'none.pth'\ncustom_hooks = [dict(type='EMAHok')]\n",
  );
  expect(metrics).toHaveProperty('bbox_mAP');
  expect(warnings.map((warning) => warning.split(';', 1)[0])).toEqual([
    `SGDD is not in the optimizer registry (${PATH}:6:23)`,
    `EMAHok is not in the hook registry (${PATH}:8:27)`,
  ]);
}, 60_000);

test.each([
  ['data = dict(test=dict(num_image=3))', 'unexpected argument'],
  ['model.update(bbox_head=dict(num_classes=7))', 'num_classes'],
  ["evaluation = dict(metric='boxes')", 'metric boxes is not supported'],
])('what testing needs is an error at its place: %s', async (line, text) => {
  const { workDir } = await run;
  await expect(tested(`${workDir}/epoch_2.pth`, `${line}\n`)).rejects.toMatchObject({
    message: expect.stringContaining(text),
    span: { file: PATH, line: 6 },
  });
});

test('a metric that was asked for is not told at the place of the one in the config', async () => {
  const { workDir } = await run;
  await expect(tested(`${workDir}/epoch_2.pth`, '', '', 'boxes')).rejects.toMatchObject({
    message: 'metric boxes is not supported',
    span: undefined,
  });
});

test('a module that never ends ends the test at its line', async () => {
  const { workDir } = await run;
  const module = `import { PIPELINES } from 'tabtrain';
@PIPELINES.registerModule()
export class Slow {
  call(results) {
    for (;;) {}
  }
}
`;
  const config = `custom_imports = dict(imports=['mine'])
data = dict(test=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='Slow')]))
`;
  await expect(tested(`${workDir}/epoch_2.pth`, config, module)).rejects.toMatchObject({
    code: 'endless-loop',
    span: { file: 'workspace/mine.ts', line: 5 },
  });
}, 60_000);
