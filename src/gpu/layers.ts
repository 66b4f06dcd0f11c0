// Layer ops, NHWC activations and HWIO weights.
import type { Activation, Pair } from './kernels/conv2d/shape.ts';
import { tf, type Tensor } from './tfjs.ts';

export interface BatchNormResult {
  readonly y: Tensor;
  /** [C], of this batch. */
  readonly mean: Tensor;
  /** [C], biased (divided by the count), of this batch. */
  readonly variance: Tensor;
}

/** Normalise by the batch's own mean and biased variance over all axes but the last. */
export function batchNormTrain(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
): BatchNormResult {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return { y: batchNormEval(x, mean, variance, gamma, beta, eps, activation), mean, variance };
}

/** Normalise by given statistics. */
export function batchNormEval(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
  eps: number,
  activation?: Activation,
): Tensor {
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, eps)));
  const y = tf.add(tf.mul(x, scale), tf.sub(beta, tf.mul(mean, scale)));
  return activation === 'relu' ? tf.relu(y) : y;
}

/** Group normalisation of x [B, H, W, C] with per-channel gamma and beta. */
export function groupNorm(x: Tensor, groups: number, gamma: Tensor, beta: Tensor, eps: number): Tensor {
  const [b, h, w, c] = x.shape;
  const grouped = tf.reshape(x, [b, h * w, groups, c / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  const normalised = tf.reshape(tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, eps))), [b, h, w, c]);
  return tf.add(tf.mul(normalised, gamma), beta);
}

/** Max pooling with -inf padding, as in torch. */
export function maxPool2d(x: Tensor, kernel: Pair, stride: Pair, padding: Pair): Tensor {
  return tf.maxPool(x as tf.Tensor4D, [...kernel] as [number, number], [...stride] as [number, number], [
    [0, 0],
    [padding[0], padding[0]],
    [padding[1], padding[1]],
    [0, 0],
  ]);
}

/** Nearest upsampling to [H, W]: output row i reads input row floor(i * in / out). */
export function upsampleNearest2d(x: Tensor, size: Pair): Tensor {
  const index = (to: number, from = 1): Tensor =>
    tf.tensor1d(
      Int32Array.from({ length: to }, (_, i) => Math.floor((i * from) / to)),
      'int32',
    );
  return tf.gather(tf.gather(x, index(size[0], x.shape[1]), 1), index(size[1], x.shape[2]), 2);
}
