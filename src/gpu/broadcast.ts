// Undoing a broadcast in a gradient.
import { columnSum } from './kernels/columnSum/op.ts';
import { tf, type Tensor } from './tfjs.ts';

/** Add `dy` up to `shape`, from which it was broadcast. @returns a fresh handle. */
export function unbroadcast(dy: Tensor, shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size === dy.size) return tf.reshape(dy, [...shape]);
  const lead = dy.rank - shape.length;
  const trimmed = shape.findIndex((d) => d !== 1);
  const suffix = trimmed === -1 ? [] : shape.slice(trimmed);
  const isSuffix = suffix.every((d, i) => d === dy.shape[dy.rank - suffix.length + i]);
  if (isSuffix) return columnSum(dy, dy.size / size, size, shape);
  const axes = dy.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && dy.shape[i] !== 1));
  return tf.reshape(tf.sum(dy, axes), [...shape]);
}
