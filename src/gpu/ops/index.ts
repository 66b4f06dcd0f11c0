// Elementary differentiable ops: values and gradients are our own programs. Shapes broadcast as in NumPy.
export * from './activations.ts';
export * from './arithmetic.ts';
export * from './creation.ts';
export { argMax, equal, greater, greaterEqual, less, max, oneHot, where } from './logic.ts';
export { matMul } from '../kernels/matMul/op.ts';
export * from './movement.ts';
export { mean, sum } from './reductions.ts';
export * from './unary.ts';
export { softmax } from '../kernels/softmax/op.ts';
