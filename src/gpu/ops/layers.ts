// What layers and losses compute, each one program with its gradient. Pictures are NHWC, filters HWIO.
export { conv2d } from '../kernels/conv2d/op.ts';
export { convTranspose2d, type ConvTranspose2dOptions } from '../kernels/conv2d/transposed.ts';
export type { Activation } from '../kernels/activation.ts';
export type { Conv2dOptions, Pair } from '../kernels/conv2d/shape.ts';
export {
  batchNormEval,
  batchNormTrain,
  type BatchNormEvalOptions,
  type BatchNormResult,
  type RunningStats,
} from '../kernels/batchNorm/op.ts';
export { groupNorm } from '../kernels/groupNorm/op.ts';
export { avgPool2d, type AvgPoolOptions } from '../kernels/avgPool/op.ts';
export { adaptiveMaxPool2d } from '../kernels/maxPool/adaptive.ts';
export { maxPool2d } from '../kernels/maxPool/op.ts';
export { resizeBilinear2d, type ResizeOptions } from '../kernels/resizeBilinear/op.ts';
export { upsampleNearest2d } from '../kernels/upsample/op.ts';
export {
  bceWithLogitsLoss,
  distributionFocalLoss,
  giouLoss,
  iouLoss,
  l1Loss,
  qualityFocalLoss,
  sigmoidFocalLoss,
  smoothL1Loss,
  softmaxCrossEntropyLoss,
  type CrossEntropyOptions,
  type FocalLossOptions,
  type IouMode,
  type LossReduction,
} from '../kernels/losses/op.ts';
