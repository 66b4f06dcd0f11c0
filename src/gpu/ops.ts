// Elementary differentiable ops. Values come from tfjs; gradients are ours, so that tfjs's registry of gradients (and
// its wrong or missing ones) stays out of the bundle. Shapes broadcast as in NumPy.
import { noGrad } from './autograd.ts';
import { unbroadcast } from './broadcast.ts';
import { copyInto } from './elementwise.ts';
import { gatherGrad } from './kernels/gather/op.ts';
import { columnSum } from './kernels/columnSum/op.ts';
import { runOp } from './op.ts';
import { tf, type DType, type Tensor, type Variable } from './tfjs.ts';

type Operand = Tensor | number;
type Slopes = Record<string, () => Tensor>;

const asTensor = (value: Operand): Tensor => (typeof value === 'number' ? tf.scalar(value) : value);

// An op of two operands, of which plain numbers get no gradient.
function binary(
  a: Operand,
  b: Operand,
  value: (a: Tensor, b: Tensor) => Tensor,
  slopeA: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
  slopeB: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const [left, right] = [asTensor(a), asTensor(b)];
  const inputs: Record<string, Tensor> = {};
  if (typeof a !== 'number') inputs.a = left;
  if (typeof b !== 'number') inputs.b = right;
  const [y] = runOp({
    inputs,
    forward: (save) => {
      save([left, right]);
      return [value(left, right)];
    },
    backward: ([dy], [l, r]) => ({
      a: () => unbroadcast(slopeA(dy, l, r), l.shape),
      b: () => unbroadcast(slopeB(dy, l, r), r.shape),
    }),
  });
  return y;
}

// An op of one operand whose slope is a function of dy, x and y.
function unary(
  x: Tensor,
  value: (x: Tensor) => Tensor,
  slope: (dy: Tensor, x: Tensor, y: Tensor) => Tensor,
): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const out = value(x);
      save([x, out]);
      return [out];
    },
    backward: ([dy], [saved, out]) => ({ x: () => slope(dy, saved, out) }),
  });
  return y;
}

// An op that only moves values: its slope needs dy alone.
function move(x: Tensor, value: () => Tensor, slope: (dy: Tensor) => Tensor): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: () => [value()],
    backward: ([dy]) => ({ x: () => slope(dy) }),
  });
  return y;
}

export const add = (a: Operand, b: Operand): Tensor => binary(a, b, tf.add, tf.clone, tf.clone);
export const sub = (a: Operand, b: Operand): Tensor => binary(a, b, tf.sub, tf.clone, tf.neg);
export const mul = (a: Operand, b: Operand): Tensor =>
  binary(
    a,
    b,
    tf.mul,
    (dy, _, r) => tf.mul(dy, r),
    (dy, l) => tf.mul(dy, l),
  );
export const div = (a: Operand, b: Operand): Tensor =>
  binary(
    a,
    b,
    tf.div,
    (dy, _, r) => tf.div(dy, r),
    (dy, l, r) => tf.neg(tf.div(tf.mul(dy, tf.div(l, r)), r)),
  );
/** Ties send the whole gradient to `a`. */
export const minimum = (a: Operand, b: Operand): Tensor =>
  binary(
    a,
    b,
    tf.minimum,
    (dy, l, r) => masked(dy, tf.lessEqual(l, r)),
    (dy, l, r) => masked(dy, tf.greater(l, r)),
  );
/** Ties send the whole gradient to `a`. */
export const maximum = (a: Operand, b: Operand): Tensor =>
  binary(
    a,
    b,
    tf.maximum,
    (dy, l, r) => masked(dy, tf.greaterEqual(l, r)),
    (dy, l, r) => masked(dy, tf.less(l, r)),
  );

export const neg = (x: Tensor): Tensor => unary(x, tf.neg, (dy) => tf.neg(dy));
export const exp = (x: Tensor): Tensor => unary(x, tf.exp, (dy, _, y) => tf.mul(dy, y));
export const log = (x: Tensor): Tensor => unary(x, tf.log, (dy, v) => tf.div(dy, v));
export const abs = (x: Tensor): Tensor => unary(x, tf.abs, (dy, v) => tf.mul(dy, tf.sign(v)));
export const sqrt = (x: Tensor): Tensor => unary(x, tf.sqrt, (dy, _, y) => tf.div(dy, tf.mul(y, 2)));
export const square = (x: Tensor): Tensor => unary(x, tf.square, (dy, v) => tf.mul(dy, tf.mul(v, 2)));
export const sigmoid = (x: Tensor): Tensor =>
  unary(x, tf.sigmoid, (dy, _, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y))));
/** Over the last axis. */
export const softmax = (x: Tensor): Tensor =>
  unary(
    x,
    (v) => tf.softmax(v),
    (dy, _, y) => {
      const weighted = tf.mul(dy, y);
      return tf.sub(weighted, tf.mul(y, tf.sum(weighted, -1, true)));
    },
  );
/** Limit to [low, high]; the gradient passes at the limits, as in torch. */
export const clip = (x: Tensor, low: number, high: number): Tensor =>
  unary(
    x,
    (v) => tf.clipByValue(v, low, high),
    (dy, v) => masked(dy, tf.logicalAnd(tf.greaterEqual(v, low), tf.lessEqual(v, high))),
  );

/** Pick from `a` where `condition` (bool or int32) is nonzero, else from `b`. All of one shape. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      const mask = tf.cast(condition, 'bool');
      save([mask]);
      return [tf.where(mask, a, b)];
    },
    backward: ([dy], [mask]) => ({
      a: () => unbroadcast(masked(dy, mask), a.shape),
      b: () => unbroadcast(masked(dy, tf.logicalNot(mask)), b.shape),
    }),
  });
  return y;
}

const masked = (dy: Tensor, mask: Tensor): Tensor => tf.where(mask, dy, tf.zerosLike(dy));

// Comparisons are constants to the tape.
export const equal = (a: Tensor, b: Operand): Tensor => noGrad(() => tf.equal(a, b));
export const greater = (a: Tensor, b: Operand): Tensor => noGrad(() => tf.greater(a, b));
export const greaterEqual = (a: Tensor, b: Operand): Tensor => noGrad(() => tf.greaterEqual(a, b));
export const less = (a: Tensor, b: Operand): Tensor => noGrad(() => tf.less(a, b));
export const argMax = (x: Tensor, axis = -1): Tensor => noGrad(() => tf.argMax(x, axis));
/** Not differentiable. */
export const max = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor =>
  noGrad(() => tf.max(x, axes && [...axes], keepDims));
/** int32 -> float32 one-hot rows. */
export const oneHot = (indices: Tensor, depth: number): Tensor =>
  noGrad(() => tf.oneHot(indices, depth, 1, 0, 'float32'));

/** [M, K] x [K, N], each optionally transposed first. */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      save([a, b]);
      return [tf.matMul(a, b, transposeA, transposeB)];
    },
    backward: ([dy], [l, r]) => ({
      a: () => (transposeA ? tf.matMul(r, dy, transposeB, true) : tf.matMul(dy, r, false, !transposeB)),
      b: () => (transposeB ? tf.matMul(dy, l, true, transposeA) : tf.matMul(l, dy, !transposeA, false)),
    }),
  });
  return y;
}

export function concat(xs: readonly Tensor[], axis = 0): Tensor {
  const at = axis < 0 ? axis + (xs[0]?.rank ?? 0) : axis;
  let start = 0;
  const slopes = xs.map((x) => {
    const begin = x.shape.map((_, i) => (i === at ? start : 0));
    start += x.shape[at] ?? 0;
    return (dy: Tensor) => tf.slice(dy, begin, x.shape);
  });
  const [y] = runOp({
    inputs: Object.fromEntries(xs.map((x, i) => [i, x])),
    forward: () => [tf.concat([...xs], at)],
    backward: ([dy]) =>
      Object.fromEntries(
        slopes.map((slope, i): [string, () => Tensor] => [`${i}`, () => slope(dy)]),
      ) as Slopes,
  });
  return y;
}

export const stack = (xs: readonly Tensor[], axis = 0): Tensor =>
  concat(
    xs.map((x) => reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])),
    axis,
  );
export const slice = (x: Tensor, begin: readonly number[], size: readonly number[]): Tensor => {
  const lengths = size.map((n, i) => (n === -1 ? (x.shape[i] ?? 0) - begin[i] : n));
  const margins = lengths.map((n, i): [number, number] => [begin[i], (x.shape[i] ?? 0) - begin[i] - n]);
  return move(
    x,
    () => tf.slice(x, [...begin], lengths),
    (dy) => tf.pad(dy, margins),
  );
};
export const reshape = (x: Tensor, shape: readonly number[]): Tensor =>
  move(
    x,
    () => tf.reshape(x, [...shape]),
    (dy) => tf.reshape(dy, x.shape),
  );
export const clone = (x: Tensor): Tensor => move(x, () => tf.clone(x), tf.clone);
export const transpose = (x: Tensor, permutation?: readonly number[]): Tensor => {
  const order = permutation ? [...permutation] : x.shape.map((_, i) => x.rank - 1 - i);
  return move(
    x,
    () => tf.transpose(x, order),
    (dy) =>
      tf.transpose(
        dy,
        order.map((_, i) => order.indexOf(i)),
      ),
  );
};
/** Pick entries of `x` along `axis` by int32 indices [n]. */
export const gather = (x: Tensor, indices: Tensor, axis = 0): Tensor => {
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      save([indices]);
      return [tf.gather(x, indices, axis)];
    },
    backward: ([dy], [picked]) => ({ x: () => gatherGrad(dy, picked, x.shape, axis) }),
  });
  return y;
};

const axesOf = (x: Tensor, axes: readonly number[] | undefined): number[] =>
  axes ? axes.map((a) => (a < 0 ? a + x.rank : a)) : x.shape.map((_, i) => i);

/** Add up over `axes` (default all). */
export function sum(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  const over = axesOf(x, axes);
  const kept = x.shape.map((n, i) => (over.includes(i) ? 1 : n));
  const outShape = keepDims ? kept : x.shape.filter((_, i) => !over.includes(i));
  return move(
    x,
    // Over everything, tfjs would use one workgroup with barriers.
    () =>
      over.length === x.rank && x.dtype === 'float32'
        ? columnSum(x, x.size, 1, outShape)
        : tf.sum(x, over, keepDims),
    (dy) => tf.broadcastTo(tf.reshape(dy, kept), x.shape),
  );
}

/** Average over `axes` (default all). */
export function mean(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  const count = axesOf(x, axes).reduce((n, axis) => n * (x.shape[axis] ?? 1), 1);
  return mul(sum(x, axes, keepDims), 1 / count);
}

export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === 'float32' && dtype === 'float32' ? clone(x) : noGrad(() => tf.cast(x, dtype));

export const scalar = (value: number, dtype: DType = 'float32'): Tensor => tf.scalar(value, dtype);
export const zeros = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  tf.zeros([...shape], dtype);
export const ones = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  tf.ones([...shape], dtype);
export const fill = (shape: readonly number[], value: number): Tensor => tf.fill([...shape], value);
export const zerosLike = (x: Tensor): Tensor => noGrad(() => tf.zerosLike(x));
export const onesLike = (x: Tensor): Tensor => noGrad(() => tf.onesLike(x));

/** Give `target` the values of `value` (same size and dtype), in place; `value` stays the caller's and shares nothing. */
export function assign(target: Variable, value: Tensor): void {
  copyInto(target, value);
}
