// Ops that only move values. Reshaping and cloning share memory and cost nothing.
import { invariant } from '../../errors/index.ts';
import { unbroadcast } from './unbroadcast.ts';
import { copyStrided } from '../kernels/copy/op.ts';
import { fillInto } from '../kernels/fill/op.ts';
import { gatherGrad, gatherRows } from '../kernels/gather/op.ts';
import { runOp } from '../tensor/tape.ts';
import { emptyTensor } from '../tensor/emptyTensor.ts';
import { broadcastStrides, sizeOf, stridesOf } from '../dispatch/strides.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { asFloat, typeOf } from './dtype.ts';
import { move } from './map.ts';
import { at as itemAt } from '../../util/at.ts';

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, i) => sum + v * itemAt(b, i), 0);

/** Join along an axis. int32 where all are; integers among floats become floats. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  if (parts.every((x) => typeOf(x) === 'int32')) return joined(parts, axis);
  return tf.tidy(() => joined(parts.map(asFloat), axis));
}

function joined(xs: readonly Tensor[], axis: number): Tensor {
  const [first] = xs;
  invariant(first, 'concatenation of nothing');
  const at = axis < 0 ? axis + first.rank : axis;
  const shape = [...first.shape];
  shape[at] = xs.reduce((n, x) => n + (x.shape[at] ?? 0), 0);
  const strides = stridesOf(shape);
  let start = 0;
  const offsets = xs.map((x) => {
    const offset = start * itemAt(strides, at);
    start += x.shape[at] ?? 0;
    return offset;
  });
  const [y] = runOp({
    inputs: Object.fromEntries(xs.map((x, i) => [i, x])),
    forward: () => {
      const out = emptyTensor(shape, typeOf(first));
      xs.forEach((x, i) => {
        const source = { tensor: x, offset: 0, strides: stridesOf(x.shape) };
        copyStrided(source, { tensor: out, offset: itemAt(offsets, i), strides }, x.shape);
      });
      return [out];
    },
    backward: ([dy]) =>
      Object.fromEntries(xs.map((x, i) => [`${i}`, () => window(dy, itemAt(offsets, i), strides, x.shape)])),
  });
  return y;
}

export const stack = (xs: readonly Tensor[], axis = 0): Tensor =>
  concat(
    xs.map((x) => reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])),
    axis,
  );

/** The part of x that starts at `begin`; -1 in `size`: to the end. */
export function slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor {
  const shape = size.map((n, i) => (n === -1 ? (x.shape[i] ?? 0) - itemAt(begin, i) : n));
  shape.forEach((n, i) => {
    invariant(
      itemAt(begin, i) >= 0 && itemAt(begin, i) + n <= itemAt(x.shape, i),
      `slice of [${x.shape.join()}] out of range`,
    );
  });
  const strides = stridesOf(x.shape);
  const offset = dot(begin, strides);
  return move(
    x,
    () => window(x, offset, strides, shape),
    (dy) => {
      const dx = emptyTensor(x.shape);
      if (dx.size !== dy.size) fillInto(dx, 0);
      copyStrided(
        { tensor: dy, offset: 0, strides: stridesOf(shape) },
        { tensor: dx, offset, strides },
        shape,
      );
      return dx;
    },
  );
}

export const reshape = (x: Tensor, shape: readonly number[]): Tensor =>
  move(
    x,
    () => tf.reshape(x, [...shape]),
    (dy) => tf.reshape(dy, x.shape),
  );

export const clone = (x: Tensor): Tensor => move(x, () => tf.clone(x), tf.clone);

/** Reorder axes; default: reverse them. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ? [...permutation] : x.shape.map((_, i) => x.rank - 1 - i);
  const back = order.map((_, i) => order.indexOf(i));
  return move(
    x,
    () => permuted(x, order),
    (dy) => permuted(dy, back),
  );
}

/** Repeat x along axes of length 1 and new axes in front. */
export const broadcastTo = (x: Tensor, shape: readonly number[]): Tensor =>
  move(
    x,
    () => window(x, 0, broadcastStrides(x.shape, shape), shape),
    (dy) => unbroadcast(dy, x.shape),
  );

/** Pick entries of `x` along `axis` by int32 indices [n]. */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      save([indices]);
      return [gatherRows(x, indices, axis)];
    },
    backward: ([dy], [picked]) => ({ x: () => gatherGrad(dy, picked, x.shape, axis) }),
  });
  return y;
}

function permuted(x: Tensor, order: readonly number[]): Tensor {
  const strides = stridesOf(x.shape);
  return window(
    x,
    0,
    order.map((axis) => itemAt(strides, axis)),
    order.map((axis) => itemAt(x.shape, axis)),
  );
}

// A contiguous copy of what `strides` walk through.
function window(x: Tensor, offset: number, strides: readonly number[], shape: readonly number[]): Tensor {
  const out = emptyTensor(shape, typeOf(x));
  if (sizeOf(shape) === 0) return out;
  copyStrided({ tensor: x, offset, strides }, { tensor: out, offset: 0, strides: stridesOf(shape) }, shape);
  return out;
}
