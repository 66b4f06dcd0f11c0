// Fused losses: value and gradient in one pass each.
import { tf, type Tensor } from './tfjs.ts';

export interface FocalLossOptions {
  readonly gamma: number;
  readonly alpha: number;
}

/** Per element of logits [N, K]; labels int32 [N], K means background. weights [N] or null. */
export function sigmoidFocalLossElementwise(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  { gamma, alpha }: FocalLossOptions,
): Tensor {
  const [, k] = logits.shape;
  const target = tf.oneHot(tf.cast(labels, 'int32'), k + 1, 1, 0, 'float32');
  const t = tf.slice(target, [0, 0], [-1, k]);
  const p = tf.sigmoid(logits);
  const pt = tf.add(tf.mul(tf.sub(1, p), t), tf.mul(p, tf.sub(1, t)));
  const weight = tf.mul(tf.add(tf.mul(t, alpha), tf.mul(tf.sub(1, t), 1 - alpha)), tf.pow(pt, gamma));
  const bce = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, t)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  const loss = tf.mul(bce, weight);
  return weights ? tf.mul(loss, tf.reshape(weights, [-1, 1])) : loss;
}

/** Sum of {@link sigmoidFocalLossElementwise}. */
export function sigmoidFocalLoss(
  logits: Tensor,
  labels: Tensor,
  weights: Tensor | null,
  options: FocalLossOptions,
): Tensor {
  return tf.sum(sigmoidFocalLossElementwise(logits, labels, weights, options));
}

/** Sum of weight * smoothL1(pred - target). */
export function smoothL1Loss(pred: Tensor, target: Tensor, weight: Tensor | null, beta: number): Tensor {
  const diff = tf.abs(tf.sub(pred, target));
  const loss = tf.where(
    tf.less(diff, beta),
    tf.div(tf.mul(tf.square(diff), 0.5), beta),
    tf.sub(diff, 0.5 * beta),
  );
  return tf.sum(weight ? tf.mul(loss, weight) : loss);
}

/** Sum of weight * |pred - target|. */
export function l1Loss(pred: Tensor, target: Tensor, weight: Tensor | null): Tensor {
  const loss = tf.abs(tf.sub(pred, target));
  return tf.sum(weight ? tf.mul(loss, weight) : loss);
}
