// The engine's public face: nothing above this folder imports tfjs or touches WebGPU.
export * from './engine.ts';
export * from './deviceErrors.ts';
export * from './memory.ts';
export * from './autograd.ts';
export * from './ops.ts';
export * from './layers.ts';
export * from './losses.ts';
export * from './elementwise.ts';
export * from './globalNorm.ts';
export { endProfile, startProfile, type ProfileRow } from './profiler.ts';
export type { DType, Tensor, Variable } from './tfjs.ts';
