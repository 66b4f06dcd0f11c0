// What the editor proposes and explains, with the declarations of all classes.

import { describe, expect, test } from 'vitest';
import { hoverAt, proposalsAt } from '../ui/editor/argumentHelp.ts';
import { createRunRegistries } from '../registry/registries.ts';
import { declareArgs, int, required } from '../registry/args/index.ts';
import { argumentDocs } from './argDocs.ts';

const docs = argumentDocs();

function propose(marked: string, resolved: Record<string, unknown> | null = null, known = docs): string[] {
  const found = proposalsAt(marked.replace('|', ''), marked.indexOf('|'), known, resolved);
  return found?.list.map(({ insert }) => insert) ?? [];
}

const contains: [string, string[], string[]][] = [
  ['|', ['model = ', 'optimizer = ', 'evaluation = '], ['depth = ']],
  ['model = dict()\n|', ['optimizer = '], ['model = ']],
  ["model = dict(type='RetinaNet', |)", ['backbone=', 'neck=', 'bbox_head='], ['type=', 'depth=']],
  ["model = dict(backbone=dict(type='ResNet', depth=50, |))", ['frozen_stages=', 'norm_cfg='], ['depth=', 'neck=', 'dcn=']],
  ["model = dict(type='RetinaNet', backbone=dict(type='|'))", ['ResNet'], ['FPN', 'RetinaHead', 'SGD']],
  ["model = dict(backbone=dict(type=|))", ["'ResNet'"], []],
  ["model = dict(backbone=dict(type='ResNet', style='|'))", ['pytorch', 'caffe'], []],
  ["model = dict(backbone=dict(type='ResNet', norm_eval=|))", ['True', 'False'], []],
  ["model = dict(backbone=dict(type='ResNet', norm_cfg=dict(type='BN', |)))", ['momentum=', 'eps='], []],
  ['evaluation = dict(|', ['interval=', 'save_best=', 'metric='], ['lr=']],
  ['data = dict(train=dict(|', ['type='], ['samples_per_gpu=']],
  ["data = dict(train=dict(type='CocoDataset', |", ['ann_file=', 'pipeline='], []],
  ["data = dict(train=dict(pipeline=[dict(type='Resize', |)]))", [], []],
  ["data = dict(train=dict(type='CocoDataset', pipeline=[dict(type='Resize', |)]))", ['img_scale=', 'keep_ratio='], []],
  ["data = dict(train=dict(type='CocoDataset', pipeline=[dict(type='|')]))", ['Resize', 'Normalize'], ['ResNet']],
  // A list of one's own: its entries say what it is.
  ["train_pipeline = [dict(type='Resize', |)]", ['img_scale='], ['depth=']],
  ["train_pipeline = [dict(type='LoadImageFromFile'), dict(type='|')]", ['Resize'], ['ResNet']],
  ["optimizer = dict(type='SGD', |)", ['lr=', 'momentum=', 'paramwise_cfg='], ['params=']],
  ["optimizer = dict(paramwise_cfg=dict(custom_keys={'backbone': dict(|)}))", ['lr_mult=', 'decay_mult='], []],
  ['optimizer_config = dict(grad_clip=dict(|))', ['max_norm=', 'norm_type='], []],
  ["lr_config = dict(policy='|')", ['step', 'poly', 'CosineAnnealing', 'YOLOX'], ['Step']],
  ["lr_config = dict(policy='step', |)", ['step=', 'gamma=', 'warmup='], ['periods=']],
  ["lr_config = dict(policy='step', warmup='|')", ['constant', 'linear', 'exp'], []],
  ['checkpoint_config = dict(|)', ['interval=', 'max_keep_ckpts='], []],
  ["log_config = dict(hooks=[dict(type='|')])", ['TextLoggerHook'], ['SGD']],
  ["custom_hooks = [dict(type='EMAHook', priority='|')]", ['VERY_LOW'], []],
  ["runner = dict(type='|')", ['EpochBasedRunner', 'IterBasedRunner'], []],
  ["evaluation = {'|'}", ['interval'], []],
  // The detector is not known yet.
  ["model = dict(backbone=dict(type='|'))", ['ResNet', 'RetinaNet'], []],
  ["aug = [dict(type='MultiScaleFlipAug', transforms=[dict(type='|')])]", ['Resize'], ['ResNet']],
  ['f(|', [], []],
  ['own = dict(x=|)', [], []],
]; // prettier-ignore
test.each(contains)('%s', (marked, wanted, unwanted) => {
  const found = propose(marked);
  expect(found).toEqual(expect.arrayContaining(wanted));
  for (const one of unwanted) expect(found).not.toContain(one);
});

describe('a type in a base file', () => {
  const resolved = { model: { type: 'RetinaNet', backbone: { type: 'ResNet' } } };
  const marked = "_base_ = './base.py'\nmodel = dict(backbone=dict(|))";

  test('is known from the resolved config', () => {
    expect(propose(marked, resolved)).toContain('frozen_stages=');
    expect(propose(marked)).not.toContain('frozen_stages=');
  });

  test('counts no more behind _delete_', () => {
    expect(propose(marked.replace('|', '_delete_=True, |'), resolved)).not.toContain('frozen_stages=');
  });
});

test("a person's own class is proposed with its arguments", () => {
  const registries = createRunRegistries();
  registries.HOOKS.registerModule({ name: 'MineHook' })(
    class {
      static readonly args = declareArgs({ power: required(int, 'How much.') });
    },
  );
  const own = argumentDocs(registries);
  expect(propose("custom_hooks = [dict(type='|')]", null, own)).toContain('MineHook');
  expect(propose("custom_hooks = [dict(type='MineHook', |)]", null, own)).toContain('power=');
  expect(own.classes.filter(({ isOwn }) => isOwn).map(({ type }) => type)).toEqual(['MineHook']);
});

test('what must be there comes first, and is told what it is', () => {
  const text = "model = dict(backbone=dict(type='ResNet', ))";
  const found = proposalsAt(text, text.length - 2, docs, null);
  expect(found?.list.find(({ label }) => label === 'depth')).toMatchObject({
    insert: 'depth=',
    isRequired: true,
    help: 'required, in layers\n\nHow many layers it has.',
  });
});

const hovers: [string, string | RegExp | null][] = [
  ["evaluation = dict(inter|val=1)", '**interval** `int ≥ 1`, default `1`, in epochs, or iterations without by_epoch\n\nHow often to evaluate.'],
  ["eval|uation = dict(interval=1)", /^\*\*evaluation\*\* `dict \| None`\n\nWhen data\.val is evaluated/],
  ["model = dict(backbone=dict(type='Res|Net'))", /^\*\*ResNet\*\*: backbone of the MODELS registry\n\nIt takes \*\*`depth`\*\*, /],
  ["lr_config = dict(policy='st|ep')", /^\*\*step\*\* takes `step`, `gamma`/],
  ["model = dict(backbone=dict(type='ResNet', dep|th=50))", /^\*\*depth\*\* `18 \| 34 \| 50 \| 101 \| 152`, required, in layers/],
  ["model = dict(own=|1)", null],
  ['x = "e|valuation"', null],
]; // prettier-ignore
test.each(hovers)('hover at %s', (marked, wanted) => {
  const found = hoverAt(marked.replace('|', ''), marked.indexOf('|'), docs, null);
  if (wanted === null) expect(found).toBeNull();
  else if (typeof wanted === 'string') expect(found?.text).toBe(wanted);
  else expect(found?.text).toMatch(wanted);
});
