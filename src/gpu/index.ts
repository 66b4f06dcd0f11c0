// The engine's public face: nothing above this folder imports tfjs or touches WebGPU.
export * from './engine.ts';
export {
  adapterInfo,
  checkDevice,
  handleOrThrow,
  orLost,
  setWaitPacer,
  type AdapterInfo,
  type DeviceLimits,
  type WaitPacer,
} from './device/handle.ts';
export { allocating } from './device/allocating.ts';
export * from './device/deviceErrors.ts';
export * from './tensor/memory.ts';
export * from './tensor/autograd.ts';
export * from './step/index.ts';
export * from './ops/index.ts';
export * from './ops/layers.ts';
export { activationKey } from './kernels/activation.ts';
export { normaliseImages } from './kernels/normaliseImage/op.ts';
export type { PackedImages } from './kernels/normaliseImage/packedImages.ts';
export * from './dispatch/elementwise.ts';
export {
  clearTensors,
  copyTensors,
  createArena,
  maxPartSize,
  packTensors,
  wholeOf,
  type Arena,
} from './tensor/arena.ts';
export { ArenaRows, canUpdateArenas, NO_ROW, updateArenas, type ArenaUpdate } from './tensor/arenaUpdate.ts';
export * from './ops/globalNorm.ts';
export { setVariantChoices, variantChoices } from './dispatch/variantChoice.ts';
export { measurePeak } from './ops/peak.ts';
export {
  endProfile,
  endProfilePasses,
  profileState,
  startProfile,
  suspendProfile,
  type ProfilePass,
  type ProfileRow,
} from './dispatch/profiler.ts';
export type { DispatchWork } from './dispatch/program.ts';
export type { DType, Tensor, Variable } from './device/tfjs.ts';
