// Elementary differentiable ops: values and gradients are our own programs. Shapes broadcast as in NumPy.
export * from './ops/activations.ts';
export * from './ops/arithmetic.ts';
export * from './ops/creation.ts';
export { argMax, equal, greater, greaterEqual, less, max, oneHot, where } from './ops/logic.ts';
export { matMul } from './kernels/matMul/op.ts';
export * from './ops/movement.ts';
export { mean, sum } from './ops/reductions.ts';
export * from './ops/unary.ts';
export { softmax } from './kernels/softmax/op.ts';
