// Undoing a broadcast in a gradient.
import { sumOver } from './sumOver.ts';
import { sizeOf } from '../dispatch/strides.ts';
import { tf, type Tensor } from '../device/tfjs.ts';

/** Add `dy` up to `shape`, from which it was broadcast. @returns a fresh handle. */
export function unbroadcast(dy: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(shape) === dy.size) return tf.reshape(dy, [...shape]);
  const lead = dy.rank - shape.length;
  const axes = dy.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && dy.shape[axis] !== 1));
  return sumOver(dy, axes, shape, 1);
}
