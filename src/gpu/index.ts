// The engine's public face: nothing above this folder imports tfjs or touches WebGPU.
export * from './engine.ts';
export { allocating } from './allocating.ts';
export * from './deviceErrors.ts';
export * from './memory.ts';
export * from './autograd.ts';
export * from './compiledStep/index.ts';
export * from './ops.ts';
export * from './layerOps.ts';
export { activationKey } from './kernels/activation.ts';
export { normaliseImages } from './kernels/normaliseImage/op.ts';
export type { PackedImages } from './kernels/normaliseImage/packedImages.ts';
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
