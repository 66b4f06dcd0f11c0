import { expect, test } from 'vitest';
import { planText } from './testing/planText.ts';

test.each([
  ['hooks of its own', "custom_hooks = [dict(type='EMAHook')]"],
  ['an IterBasedRunner', "runner = dict(_delete_=True, type='IterBasedRunner', max_iters=40)"],
])('num_classes of another number than the classes is an error of the plan, with %s', async (_, line) => {
  const { problems } = await planText(`${line}\nmodel = dict(bbox_head=dict(num_classes=2))\n`);
  const found = problems.filter(({ code }) => code === 'num-classes-mismatch');
  expect(found).toMatchObject([
    { severity: 'error', path: 'model.bbox_head.num_classes', span: { line: 3, column: 41 } },
  ]);
});

test('anchors far larger than the boxes are a warning of the plan, told by the sizes behind Resize', async () => {
  const huge =
    "model = dict(bbox_head=dict(anchor_generator=dict(_delete_=True, type='AnchorGenerator', octave_base_scale=64, scales_per_octave=3, ratios=[1.0], strides=[8, 16, 32])))\n";
  const { problems } = await planText(huge);
  expect(problems.filter(({ severity }) => severity === 'warning')).toMatchObject([
    { code: 'anchors-miss-boxes', path: 'model.bbox_head.anchor_generator', span: { line: 2 } },
  ]);
  expect((await planText('')).problems).toEqual([]);
});
