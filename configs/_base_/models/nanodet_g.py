# NanoDet-g: 3.8 million parameters, made for little memory. No norm layers: the published weights have them folded in.
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
        num_classes=80,
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
