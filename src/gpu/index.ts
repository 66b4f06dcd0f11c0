// The engine's public face: nothing above this folder imports tfjs or touches WebGPU.
export * from './engine.ts';
export { allocating } from './allocating.ts';
export * from './deviceErrors.ts';
export * from './memory.ts';
export * from './autograd.ts';
export * from './compiledStep/index.ts';
export * from './ops.ts';
export { conv2d } from './kernels/conv2d/op.ts';
export { activationKey, type Activation } from './kernels/activation.ts';
export type { Conv2dOptions, Pair } from './kernels/conv2d/shape.ts';
export {
  batchNormEval,
  batchNormTrain,
  type BatchNormEvalOptions,
  type BatchNormResult,
  type RunningStats,
} from './kernels/batchNorm/op.ts';
export { groupNorm } from './kernels/groupNorm/op.ts';
export { maxPool2d } from './kernels/maxPool/op.ts';
export { normaliseImages } from './kernels/normaliseImage/op.ts';
export type { PackedImages } from './kernels/normaliseImage/packedImages.ts';
export { upsampleNearest2d } from './kernels/upsample/op.ts';
export {
  bceWithLogitsLoss,
  giouLoss,
  iouLoss,
  l1Loss,
  sigmoidFocalLoss,
  smoothL1Loss,
  softmaxCrossEntropyLoss,
  type CrossEntropyOptions,
  type FocalLossOptions,
  type IouMode,
  type LossReduction,
} from './kernels/losses/op.ts';
export * from './elementwise.ts';
export {
  clearTensors,
  copyTensors,
  createArena,
  maxPartSize,
  packTensors,
  wholeOf,
  type Arena,
} from './arena.ts';
export { ArenaRows, canUpdateArenas, NO_ROW, updateArenas, type ArenaUpdate } from './arenaUpdate.ts';
export * from './globalNorm.ts';
export { setVariantChoices, variantChoices } from './variantChoice.ts';
export { measurePeak } from './peak.ts';
export {
  endProfile,
  endProfilePasses,
  profileState,
  startProfile,
  suspendProfile,
  type DispatchWork,
  type ProfilePass,
  type ProfileRow,
} from './profiler.ts';
export type { DType, Tensor, Variable } from './tfjs.ts';
