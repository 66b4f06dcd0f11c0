# What the steps of Learn inherit: the shapes config, so small that a run ends in moments, with the schedule of MMDetection's
# configs: SGD, a step policy with warm-up, no clipping.
_base_ = ['../shapes/retinanet_tiny_shapes.py']

img_scale = (64, 64)
img_norm_cfg = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
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
# Two iterations an epoch.
data = dict(
    samples_per_gpu=4,
    train=dict(num_images=8, img_scale=img_scale, max_objects=3, pipeline=train_pipeline),
    val=dict(num_images=4, img_scale=img_scale, max_objects=3, pipeline=test_pipeline),
    test=dict(num_images=4, img_scale=img_scale, max_objects=3, pipeline=test_pipeline))

optimizer = dict(_delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(_delete_=True, grad_clip=None)
lr_config = dict(
    _delete_=True, policy='step', warmup='linear', warmup_iters=4, warmup_ratio=0.001, step=[3])
runner = dict(type='EpochBasedRunner', max_epochs=4)

log_config = dict(interval=1)
# No checkpoint and no evaluation but where a step asks for it.
checkpoint_config = dict(interval=100, save_last=False)
evaluation = dict(interval=100, metric='bbox')
