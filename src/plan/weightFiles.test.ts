import { expect, test } from 'vitest';
import { planText } from './testing/planText.ts';

const FILES = {
  'work_dirs/shapes/epoch_12.pth': 'x',
  'work_dirs/shapes/epoch_11.pth': 'x',
  'work_dirs/shapes/notes.txt': 'x',
};

test.each([
  ["load_from = 'work_dirs/shapes/epoch_12.pth'", null],
  ["load_from = 'work_dirs/shapes/epoch_12.pht'", "did you mean 'work_dirs/shapes/epoch_12.pth'?"],
  ["resume_from = 'work_dirs/shaps/epoch_12.pth'", "did you mean 'work_dirs/shapes'?"],
  ["load_from = 'work_dirs/shapes/best.pth'", 'work_dirs/shapes has epoch_11.pth, epoch_12.pth'],
  ["load_from = 'work_dirs/shapes'", 'work_dirs/shapes has epoch_11.pth, epoch_12.pth'],
  ["load_from = 'nowhere/at/all.pth'", undefined],
  ["resume_from = 'https://x.org/a.pth'", 'download the file and drop it on the page (or give its path)'],
  // Nobody looks at it beside resume_from.
  ["resume_from = 'work_dirs/shapes/epoch_12.pth'\nload_from = 'none.pth'", null],
])('%s: %s', async (text, hint) => {
  const { problems } = await planText(text, FILES);
  const key = text.split(' ', 1)[0];
  const told = { severity: 'error', path: key, hint, span: expect.objectContaining({ line: 2 }) };
  expect(problems).toEqual(hint === null ? [] : [expect.objectContaining(told)]);
});

test('where auto_resume finds a checkpoint nobody looks at load_from', async () => {
  const text = "load_from = 'gone.pth'\nauto_resume = True\nwork_dir = 'out'";
  const told = async (file: string, more = ''): Promise<unknown[]> =>
    (await planText(text + more, { [file]: 'x' })).problems.map(({ path, code }) => [path, code]);
  expect(await told('out/20260102_030405/epoch_3.pth')).toEqual([]);
  // In the work dirs of this config alone, and not the best ones.
  for (const file of [
    'out/20260102_030405/best_mAP_epoch_3.pth',
    'work_dirs/mine/20260102_030405/epoch_3.pth',
  ])
    expect(await told(file)).toEqual([['load_from', 'not-found']]);
  expect(await told('out/20260102_030405/epoch_3.pth', '\nauto_resume = False')).toEqual([
    ['load_from', 'not-found'],
  ]);
});

test('the file of an init_cfg Pretrained, and an address there, are told at the key', async () => {
  const withFile = (file: string): ReturnType<typeof planText> =>
    planText(`model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='${file}')))`, FILES);
  expect((await withFile('work_dirs/shapes/epoch_12.pth')).problems).toEqual([]);
  expect((await withFile('work_dirs/shapes/epoch_12.pt')).problems).toEqual([
    expect.objectContaining({
      severity: 'error',
      code: 'not-found',
      path: 'model.backbone.init_cfg.checkpoint',
      hint: "did you mean 'work_dirs/shapes/epoch_12.pth'?",
      span: expect.objectContaining({ line: 2 }),
    }),
  ]);
  // What is known where to get is fetched when the run begins.
  expect((await withFile('torchvision://resnet18')).problems).toEqual([]);
  expect((await withFile('https://x.org/a.pth')).problems).toEqual([]);
  expect((await withFile('open-mmlab://detectron2/resnet50_cafe')).problems).toEqual([
    expect.objectContaining({
      severity: 'error',
      code: 'unknown-address',
      path: 'model.backbone.init_cfg.checkpoint',
      hint: "did you mean 'open-mmlab://detectron2/resnet50_caffe'?",
    }),
  ]);
});

test('frozen stages of a backbone that starts from random weights are an error, with the cure', async () => {
  const told = async (backbone: string, more = ''): Promise<unknown[]> =>
    (await planText(`model = dict(backbone=dict(${backbone}))\n${more}`, FILES)).problems.map(
      ({ code, path, severity }) => [severity, code, path],
    );
  const wrong = ['error', 'frozen-random-weights', 'model.backbone.frozen_stages'];
  expect(await told('frozen_stages=1')).toEqual([wrong]);
  expect(await told('frozen_stages=0, init_cfg=None')).toEqual([wrong]);
  expect(await told('frozen_stages=-1')).toEqual([]);
  expect(await told('frozen_stages=1', "load_from = 'work_dirs/shapes/epoch_12.pth'")).toEqual([]);
  const pretrained = "init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18')";
  expect(await told(`frozen_stages=1, ${pretrained}`)).toEqual([]);
});
