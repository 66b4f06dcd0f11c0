// Values and slopes of the losses that are computed element by element, and of softmax cross entropy (row by row).
import type { LossSource } from './op.wgsl.ts';

// log(1 + e) for 0 <= e <= 1: the series where 1 + e would round e away.
const SOFTPLUS = `
fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  return max(x, 0.0) + select(log(1.0 + e), e * (1.0 - 0.5 * e), e < 1e-3);
}`;

/** How the weights of a loss are laid out: none, one per row of `u.classes` elements, or one per element. */
export type WeightLayout = 'none' | 'row' | 'element';

const weightAt: Record<WeightLayout, string> = {
  none: '1.0',
  row: 'weights[i / u.classes]',
  element: 'weights[i]',
};

const weightReads = (layout: WeightLayout): Record<string, string> =>
  layout === 'none' ? {} : { weights: 'f32' };

const SLOPE = 'grad[i] = slope(i) * d;';

/**
 * Sigmoid focal loss (Lin et al. 2017) as mmdet's py_sigmoid_focal_loss: with z the logit towards the right answer and
 * q = sigmoid(-z), alpha_t * q^gamma * softplus(-z); written with softplus alone so that nothing overflows.
 */
export function focalSource(weights: WeightLayout): LossSource {
  return {
    name: `sigmoidFocalLoss ${weights}`,
    reads: { logits: 'f32', labels: 'i32', ...weightReads(weights) },
    uniforms: 'classes: u32, gamma: f32, alpha: f32',
    functions: `${SOFTPLUS}
fn isTarget(i: u32) -> bool { return labels[i / u.classes] == i32(i % u.classes); }
fn scaled(i: u32, hit: bool, z: f32) -> f32 {
  return select(1.0 - u.alpha, u.alpha, hit) * exp(-u.gamma * softplus(z)) * ${weightAt[weights]};
}
fn value(i: u32) -> f32 {
  let hit = isTarget(i);
  let z = select(-logits[i], logits[i], hit);
  return scaled(i, hit, z) * softplus(-z);
}
fn slope(i: u32) -> f32 {
  let hit = isTarget(i);
  let z = select(-logits[i], logits[i], hit);
  let q = exp(-softplus(z));
  let s = -scaled(i, hit, z) * (u.gamma * (1.0 - q) * softplus(-z) + q);
  return select(-s, s, hit);
}`,
    gradient: SLOPE,
  };
}

/** weight * |pred - target|; the slope at 0 is 0. */
export function l1Source(weights: WeightLayout): LossSource {
  return {
    name: `l1Loss ${weights}`,
    reads: { pred: 'f32', goal: 'f32', ...weightReads(weights) },
    uniforms: 'classes: u32',
    functions: `
fn value(i: u32) -> f32 { return abs(pred[i] - goal[i]) * ${weightAt[weights]}; }
fn slope(i: u32) -> f32 { return sign(pred[i] - goal[i]) * ${weightAt[weights]}; }`,
    gradient: SLOPE,
  };
}

/** weight * (d < beta ? 0.5 d^2 / beta : d - 0.5 beta), d = |pred - target|. */
export function smoothL1Source(weights: WeightLayout): LossSource {
  return {
    name: `smoothL1Loss ${weights}`,
    reads: { pred: 'f32', goal: 'f32', ...weightReads(weights) },
    uniforms: 'classes: u32, beta: f32',
    functions: `
fn value(i: u32) -> f32 {
  let d = abs(pred[i] - goal[i]);
  return select(d - 0.5 * u.beta, 0.5 * d * d / u.beta, d < u.beta) * ${weightAt[weights]};
}
fn slope(i: u32) -> f32 {
  let d = pred[i] - goal[i];
  return select(sign(d), d / u.beta, abs(d) < u.beta) * ${weightAt[weights]};
}`,
    gradient: SLOPE,
  };
}

/**
 * Binary cross entropy with logits x and targets t: weight * ((1 - t) x + p softplus(-x)), p = (pos_weight - 1) t + 1, which
 * is torch's formula.
 */
export function bceSource(weights: WeightLayout, hasPosWeight: boolean): LossSource {
  const p = hasPosWeight ? '(posWeight[i % u.classes] - 1.0) * t + 1.0' : '1.0';
  return {
    name: `bceWithLogits ${weights}${hasPosWeight ? ' pos' : ''}`,
    reads: {
      logits: 'f32',
      targets: 'f32',
      ...weightReads(weights),
      ...(hasPosWeight ? { posWeight: 'f32' } : {}),
    },
    uniforms: 'classes: u32',
    functions: `${SOFTPLUS}
fn value(i: u32) -> f32 {
  let t = targets[i];
  let p = ${p};
  return ((1.0 - t) * logits[i] + p * softplus(-logits[i])) * ${weightAt[weights]};
}
fn slope(i: u32) -> f32 {
  let t = targets[i];
  let p = ${p};
  return ((1.0 - t) - p * exp(-softplus(logits[i]))) * ${weightAt[weights]};
}`,
    gradient: SLOPE,
  };
}

/**
 * Cross entropy of softmax per row of logits: weight * class_weight[label] * (log sum exp x - x[label]); 0 where the label
 * is `ignoreIndex`. One thread per row.
 */
export function crossEntropySource(hasWeights: boolean, hasClassWeight: boolean): LossSource {
  return {
    name: `softmaxCrossEntropy${hasWeights ? ' row' : ''}${hasClassWeight ? ' class' : ''}`,
    reads: {
      logits: 'f32',
      labels: 'i32',
      ...(hasWeights ? { weights: 'f32' } : {}),
      ...(hasClassWeight ? { classWeight: 'f32' } : {}),
    },
    uniforms: 'classes: u32, ignoreIndex: i32',
    functions: `
fn rowWeight(i: u32) -> f32 {
  return ${[hasWeights ? 'weights[i]' : '1.0', ...(hasClassWeight ? ['classWeight[labels[i]]'] : [])].join(' * ')};
}
fn highest(start: u32) -> f32 {
  var high = logits[start];
  for (var k = 1u; k < u.classes; k++) { high = max(high, logits[start + k]); }
  return high;
}
fn sumExp(start: u32, high: f32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < u.classes; k++) { sum += exp(logits[start + k] - high); }
  return sum;
}
fn value(i: u32) -> f32 {
  if (labels[i] == u.ignoreIndex) { return 0.0; }
  let start = i * u.classes;
  let high = highest(start);
  return (log(sumExp(start, high)) - (logits[start + u32(labels[i])] - high)) * rowWeight(i);
}`,
    gradient: `
  let start = i * u.classes;
  if (labels[i] == u.ignoreIndex) {
    for (var k = 0u; k < u.classes; k++) { grad[start + k] = 0.0; }
    return;
  }
  let high = highest(start);
  let total = sumExp(start, high);
  let scale = d * rowWeight(i);
  for (var k = 0u; k < u.classes; k++) {
    let hit = select(0.0, 1.0, i32(k) == labels[i]);
    grad[start + k] = (exp(logits[start + k] - high) / total - hit) * scale;
  }`,
  };
}

/**
 * Quality focal loss (Li et al. 2020) of logit x with the quality t of the right class, 0 for the others:
 * weight * |t - p|^beta * (softplus(x) - x t), p = sigmoid(x).
 */
export function qualityFocalSource(weights: WeightLayout): LossSource {
  return {
    name: `qualityFocalLoss ${weights}`,
    reads: { logits: 'f32', labels: 'i32', quality: 'f32', ...weightReads(weights) },
    uniforms: 'classes: u32, beta: f32',
    functions: `${SOFTPLUS}
fn goal(i: u32) -> f32 {
  let row = i / u.classes;
  return select(0.0, quality[row], labels[row] == i32(i % u.classes));
}
fn value(i: u32) -> f32 {
  let t = goal(i);
  let x = logits[i];
  let far = abs(t - exp(-softplus(-x)));
  return pow(far, u.beta) * (softplus(x) - x * t) * ${weightAt[weights]};
}
fn slope(i: u32) -> f32 {
  let t = goal(i);
  let x = logits[i];
  let p = exp(-softplus(-x));
  let off = p - t;
  let far = abs(off);
  if (far == 0.0) { return 0.0; }
  let steep = u.beta * pow(far, u.beta - 1.0) * sign(off) * p * (1.0 - p);
  return (pow(far, u.beta) * off + steep * (softplus(x) - x * t)) * ${weightAt[weights]};
}`,
    gradient: SLOPE,
  };
}

/**
 * Distribution focal loss (Li et al. 2020) per row of logits over the places 0 to n: cross entropies with the two places around
 * the goal, each weighted by how near it is. One thread per row.
 */
export function distributionFocalSource(hasWeights: boolean): LossSource {
  return {
    name: `distributionFocalLoss${hasWeights ? ' row' : ''}`,
    reads: { logits: 'f32', goal: 'f32', ...(hasWeights ? { weights: 'f32' } : {}) },
    uniforms: 'classes: u32',
    functions: `
fn rowWeight(i: u32) -> f32 { return ${hasWeights ? 'weights[i]' : '1.0'}; }
fn highest(start: u32) -> f32 {
  var high = logits[start];
  for (var k = 1u; k < u.classes; k++) { high = max(high, logits[start + k]); }
  return high;
}
fn sumExp(start: u32, high: f32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < u.classes; k++) { sum += exp(logits[start + k] - high); }
  return sum;
}
fn lowerPlace(i: u32) -> u32 { return u32(goal[i]); }
fn upperPlace(i: u32) -> u32 { return min(lowerPlace(i) + 1u, u.classes - 1u); }
fn upperShare(i: u32) -> f32 { return goal[i] - f32(lowerPlace(i)); }
fn value(i: u32) -> f32 {
  let start = i * u.classes;
  let high = highest(start);
  let all = log(sumExp(start, high)) + high;
  let share = upperShare(i);
  return ((1.0 - share) * (all - logits[start + lowerPlace(i)]) + share * (all - logits[start + upperPlace(i)])) * rowWeight(i);
}`,
    gradient: `
  let start = i * u.classes;
  let high = highest(start);
  let total = sumExp(start, high);
  let scale = d * rowWeight(i);
  let share = upperShare(i);
  for (var k = 0u; k < u.classes; k++) {
    let hit = select(0.0, 1.0 - share, k == lowerPlace(i)) + select(0.0, share, k == upperPlace(i));
    grad[start + k] = (exp(logits[start + k] - high) / total - hit) * scale;
  }`,
  };
}
