// Elementary differentiable ops: thin, typed doors to tfjs, so that no other folder imports it.
import { copyInto } from './elementwise.ts';
import { tf, type DType, type Tensor, type Variable } from './tfjs.ts';

export const add = (a: Tensor, b: Tensor | number): Tensor => tf.add(a, b);
export const sub = (a: Tensor | number, b: Tensor | number): Tensor => tf.sub(a, b);
export const mul = (a: Tensor, b: Tensor | number): Tensor => tf.mul(a, b);
export const div = (a: Tensor | number, b: Tensor | number): Tensor => tf.div(a, b);
export const neg = (x: Tensor): Tensor => tf.neg(x);
export const exp = (x: Tensor): Tensor => tf.exp(x);
export const log = (x: Tensor): Tensor => tf.log(x);
export const abs = (x: Tensor): Tensor => tf.abs(x);
export const sqrt = (x: Tensor): Tensor => tf.sqrt(x);
export const square = (x: Tensor): Tensor => tf.square(x);
export const minimum = (a: Tensor, b: Tensor | number): Tensor => tf.minimum(a, b);
export const maximum = (a: Tensor, b: Tensor | number): Tensor => tf.maximum(a, b);
export const clip = (x: Tensor, low: number, high: number): Tensor => tf.clipByValue(x, low, high);
export const sigmoid = (x: Tensor): Tensor => tf.sigmoid(x);
export const softmax = (x: Tensor): Tensor => tf.softmax(x);
/** Pick from `a` where `condition` (bool or int32) is nonzero, else from `b`. No gradient through the condition. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor =>
  tf.where(tf.cast(condition, 'bool'), a, b);
export const equal = (a: Tensor, b: Tensor | number): Tensor => tf.equal(a, b);
export const greater = (a: Tensor, b: Tensor | number): Tensor => tf.greater(a, b);
export const greaterEqual = (a: Tensor, b: Tensor | number): Tensor => tf.greaterEqual(a, b);
export const less = (a: Tensor, b: Tensor | number): Tensor => tf.less(a, b);
export const matMul = (a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor =>
  tf.matMul(a, b, transposeA, transposeB);

export const concat = (xs: readonly Tensor[], axis = 0): Tensor => tf.concat([...xs], axis);
export const stack = (xs: readonly Tensor[], axis = 0): Tensor => tf.stack([...xs], axis);
export const slice = (x: Tensor, begin: readonly number[], size: readonly number[]): Tensor =>
  tf.slice(x, [...begin], [...size]);
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => tf.reshape(x, [...shape]);
export const transpose = (x: Tensor, permutation?: readonly number[]): Tensor =>
  tf.transpose(x, permutation && [...permutation]);
/** Pick entries of `x` along `axis` by int32 indices. Its gradient scatters with float atomics: not for training. */
export const gather = (x: Tensor, indices: Tensor, axis = 0): Tensor => tf.gather(x, indices, axis);
export const sum = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor =>
  tf.sum(x, axes && [...axes], keepDims);
export const mean = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor =>
  tf.mean(x, axes && [...axes], keepDims);
export const max = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor =>
  tf.max(x, axes && [...axes], keepDims);
export const argMax = (x: Tensor, axis = -1): Tensor => tf.argMax(x, axis);
export const cast = (x: Tensor, dtype: DType): Tensor => tf.cast(x, dtype);
export const oneHot = (indices: Tensor, depth: number): Tensor => tf.oneHot(indices, depth, 1, 0, 'float32');
export const clone = (x: Tensor): Tensor => tf.clone(x);

export const scalar = (value: number, dtype: DType = 'float32'): Tensor => tf.scalar(value, dtype);
export const zeros = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  tf.zeros([...shape], dtype);
export const ones = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  tf.ones([...shape], dtype);
export const fill = (shape: readonly number[], value: number): Tensor => tf.fill([...shape], value);
export const zerosLike = (x: Tensor): Tensor => tf.zerosLike(x);
export const onesLike = (x: Tensor): Tensor => tf.onesLike(x);

/** Give `target` the values of `value` (same size and dtype), in place; `value` stays the caller's and shares nothing. */
export function assign(target: Variable, value: Tensor): void {
  copyInto(target, value);
}
