// Layer ops made of elementary ones.
import { tf, type Tensor } from './tfjs.ts';

/** Group normalisation of x [B, H, W, C] with per-channel gamma and beta. */
export function groupNorm(x: Tensor, groups: number, gamma: Tensor, beta: Tensor, eps: number): Tensor {
  const [b, h, w, c] = x.shape;
  const grouped = tf.reshape(x, [b, h * w, groups, c / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  const normalised = tf.reshape(tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, eps))), [b, h, w, c]);
  return tf.add(tf.mul(normalised, gamma), beta);
}
