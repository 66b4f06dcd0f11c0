// Importing this folder registers every model part.

export * from './backbones/resBlocks.ts';
export * from './backbones/resnet.ts';
export * from './bbox/anchorGenerator.ts';
export * from './bbox/deltaXYWHBBoxCoder.ts';
export * from './bbox/iou.ts';
export * from './bbox/maxIoUAssigner.ts';
export * from './bbox/nms.ts';
export * from './bbox/pseudoSampler.ts';
export * from './denseHeads/anchorHead.ts';
export * from './denseHeads/denseHead.ts';
export * from './denseHeads/retinaHead.ts';
export * from './detectors/baseDetector.ts';
export * from './detectors/batch.ts';
export * from './detectors/retinaNet.ts';
export * from './detectors/singleStageDetector.ts';
export * from './losses/crossEntropyLoss.ts';
export * from './losses/focalLoss.ts';
export * from './losses/iouLosses.ts';
export * from './losses/reduction.ts';
export * from './losses/smoothL1Loss.ts';
export * from './necks/fpn.ts';
