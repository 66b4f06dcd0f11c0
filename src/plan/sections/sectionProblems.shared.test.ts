// What the classes of a config declare is checked at every depth at once, and real configs raise no false alarm.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { decodeValue } from '../../config/encode.ts';
import { isDict } from '../../lang/plain.ts';
import { createRunRegistries } from '../../registry/index.ts';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import '../registerAll.ts';
import { staticProblems } from './sectionProblems.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): Promise<string | null> =>
  Promise.resolve(existsSync(repository + path) ? readFileSync(repository + path, 'utf8') : null);
const RETINANET = 'configs/retinanet/retinanet_r50_fpn_1x_coco.py';

async function withSlips(slips: string): Promise<ReturnType<typeof staticProblems>> {
  const path = 'configs/retinanet/slips.py';
  const text = `_base_ = './retinanet_r50_fpn_1x_coco.py'\n${slips}`;
  const { config } = await loadConfig(path, (file) => (file === path ? Promise.resolve(text) : read(file)));
  return staticProblems(config?.dict ?? {}, createRunRegistries());
}

test('ten slips at ten depths are told at once, each at its key', async () => {
  const found = await withSlips(`
model = dict(
    backbone=dict(depht=50, norm_cfg=dict(typ=1, momentum='a'), init_cfg=dict(checkpont='a.pth')),
    neck=dict(num_outs='five', norm_cfg=dict(type='BNN')),
    bbox_head=dict(
        anchor_generator=dict(octave_base=4),
        loss_cls=dict(type='FocalLos')),
    train_cfg=dict(assigner=dict(pos_iou=0.5)),
    test_cfg=dict(nms=dict(iou_treshold=0.5)))
data = dict(
    train=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='Resize', img_scal=(8, 8))]),
    val=dict(pipeline=[dict(type='MultiScaleFlipAug', img_scale=(8, 8), transforms=[dict(type='Pad', size_divisr=32)])]))
`);
  expect(found.map(({ path, at, hint }) => [path, at, hint])).toMatchInlineSnapshot(`
    [
      [
        "model.test_cfg.nms.iou_treshold",
        "key",
        "did you mean 'iou_threshold'?",
      ],
      [
        "model.backbone.depht",
        "key",
        "did you mean 'depth'?",
      ],
      [
        "model.backbone.norm_cfg.typ",
        "key",
        "did you mean 'type'?",
      ],
      [
        "model.backbone.norm_cfg.momentum",
        "value",
        undefined,
      ],
      [
        "model.backbone.init_cfg.checkpont",
        "key",
        "did you mean 'checkpoint'?",
      ],
      [
        "model.neck.num_outs",
        "value",
        undefined,
      ],
      [
        "model.neck.norm_cfg.type",
        "value",
        "did you mean 'BN'?",
      ],
      [
        "model.bbox_head.anchor_generator.octave_base",
        "key",
        "it takes: strides, ratios, scales, base_sizes, scale_major, octave_base_scale, scales_per_octave, centers, center_offset",
      ],
      [
        "model.bbox_head.loss_cls.type",
        undefined,
        "did you mean 'FocalLoss'?",
      ],
      [
        "model.train_cfg.assigner.pos_iou",
        "key",
        "it takes: pos_iou_thr, neg_iou_thr, min_pos_iou, gt_max_assign_all, ignore_iof_thr, ignore_wrt_candidates, match_low_quality, gpu_assign_thr, iou_calculator",
      ],
      [
        "data.train.pipeline[1].img_scal",
        "key",
        "did you mean 'img_scale'?",
      ],
      [
        "data.val.pipeline[0].transforms[0].size_divisr",
        "key",
        "did you mean 'size_divisor'?",
      ],
    ]
  `);
  for (const { span } of found) expect(span?.file).toBe('configs/retinanet/slips.py');
});

test('a class of the wrong part, and an unknown one: only what fits is proposed', async () => {
  const found = await withSlips(`
model = dict(_delete_=True, type='RetinaNett', backbone=dict(type='ResNet', depth=18), bbox_head=dict(type='RetinaHead'))
`);
  expect(found).toMatchObject([{ message: 'RetinaNett is not in the detectors of the models registry' }]);
  const parts = await withSlips(`
model = dict(
    backbone=dict(_delete_=True, type='FPN'),
    neck=dict(_delete_=True, type='PAFPNX'),
    bbox_head=dict(loss_bbox=dict(_delete_=True, type='Retina')))
`);
  expect(parts.map(({ path, message, hint }) => [path, message, hint])).toMatchInlineSnapshot(`
    [
      [
        "model.backbone.type",
        "type must be a backbone, but FPN is a neck",
        undefined,
      ],
      [
        "model.neck.type",
        "PAFPNX is not in the necks of the models registry",
        "did you mean 'PAFPN'?",
      ],
      [
        "model.bbox_head.loss_bbox.type",
        "Retina is not in the losses of the models registry",
        "losses are: CrossEntropyLoss, DistributionFocalLoss, FocalLoss, GIoULoss, IoULoss, L1Loss, QualityFocalLoss, SmoothL1Loss; register your own class and list its file in custom_imports",
      ],
    ]
  `);
});

describe('shipped configs', () => {
  const files = readdirSync(`${repository}configs`, { recursive: true, encoding: 'utf8' });
  test.each(files.filter((path) => path.endsWith('.py')))('%s', async (path) => {
    const { config } = await loadConfig(`configs/${path}`, read);
    const found = staticProblems(config?.dict ?? {}, createRunRegistries());
    // Classes of modules of one's own aren't imported here.
    expect(found.filter(({ code }) => code !== 'unknown-type')).toEqual([]);
  });
});

describe.runIf(sharedDir)('configs of MMDetection 2.28.2, as far as their types are known', () => {
  const text = sharedDir ? readFileSync(`${sharedDir}fixtures/config.json`, 'utf8') : '{"cases":[]}';
  const { cases } = JSON.parse(text) as { cases: { id: string; kind: string; out: unknown }[] };
  test.each(cases.filter(({ kind }) => kind === 'real_mmdet_config'))('$id', ({ out }) => {
    const dict = decodeValue(out);
    const found = isDict(dict) ? staticProblems(dict, createRunRegistries()) : [];
    const isMissing = (code: string): boolean => code === 'unknown-type' || code === 'unsupported';
    expect(found.filter(({ code }) => !isMissing(code))).toEqual([]);
  });
});

test('the config itself has nothing wrong', async () => {
  const { config } = await loadConfig(RETINANET, read);
  expect(staticProblems(config?.dict ?? {}, createRunRegistries())).toEqual([]);
});
