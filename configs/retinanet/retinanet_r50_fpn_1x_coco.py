# RetinaNet, ResNet-50, 12 epochs on COCO.
_base_ = [
    '../_base_/models/retinanet_r50_fpn.py',
    '../_base_/datasets/coco_detection.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
# Half the schedule's rate: focal loss is normalised by few positives.
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001)
