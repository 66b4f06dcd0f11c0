// WGSL of elementwise losses. Each loss is two functions of the element's index, its value and its slope by the
// prediction; three programs are made of them: the value per element, chunk sums, and the gradient.
import { bindings, flatMain, type Program } from '../../program.ts';

/** Elements one thread adds up. */
export const CHUNK = 64;

export interface LossSource {
  /** Names the source: every value that changes it is part of the name. */
  readonly name: string;
  /** Buffers, in binding order: the prediction first. */
  readonly reads: Readonly<Record<string, string>>;
  /** Uniform fields besides `size`, such as `gamma: f32`. */
  readonly uniforms: string;
  /** Defines `fn value(i: u32) -> f32` and `fn slope(i: u32) -> f32`. */
  readonly functions: string;
}

const fields = (source: LossSource): string =>
  ['size: u32', source.uniforms].filter((f) => f !== '').join(', ');

/** Writes the loss of each element. */
export function elementProgram(source: LossSource): Program {
  return {
    key: `${source.name} each`,
    source: () => `${bindings(source.reads, { loss: 'f32' }, fields(source))}
${source.functions}
${flatMain('if (i < u.size) { loss[i] = value(i); }')}`,
  };
}

/** Writes the sum of each chunk of {@link CHUNK} elements. */
export function chunkSumProgram(source: LossSource): Program {
  return {
    key: `${source.name} sum`,
    source: () => `${bindings(source.reads, { sums: 'f32' }, fields(source))}
${source.functions}
${flatMain(`
  let start = i * ${CHUNK}u;
  if (start >= u.size) { return; }
  let end = min(start + ${CHUNK}u, u.size);
  var acc = 0.0;
  for (var j = start; j < end; j++) { acc += value(j); }
  sums[i] = acc;`)}`,
  };
}

/** Reads the loss's buffers, then dy (one value, or one per element); writes the gradient by the prediction. */
export function gradProgram(source: LossSource, isSummed: boolean): Program {
  return {
    key: `${source.name} grad ${isSummed ? 'sum' : 'each'}`,
    source: () => `${bindings({ ...source.reads, dy: 'f32' }, { grad: 'f32' }, fields(source))}
${source.functions}
${flatMain(`if (i < u.size) { grad[i] = slope(i) * dy[${isSummed ? '0' : 'i'}]; }`)}`,
  };
}

// log(1 + e) for 0 <= e <= 1: the series where 1 + e would round e away.
const SOFTPLUS = `
fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  return max(x, 0.0) + select(log(1.0 + e), e * (1.0 - 0.5 * e), e < 1e-3);
}`;

/** How the weights of a loss are laid out: none, one per row of K elements, or one per element. */
export type WeightLayout = 'none' | 'row' | 'element';

const weightAt: Record<WeightLayout, string> = {
  none: '1.0',
  row: 'weights[i / u.classes]',
  element: 'weights[i]',
};

/**
 * Sigmoid focal loss (Lin et al. 2017) as mmdet's py_sigmoid_focal_loss: with z the logit towards the right answer and
 * q = sigmoid(-z), alpha_t * q^gamma * softplus(-z); written with softplus alone so that nothing overflows.
 */
export function focalSource(weights: WeightLayout): LossSource {
  return {
    name: `sigmoidFocalLoss ${weights}`,
    reads: { logits: 'f32', labels: 'i32', ...(weights === 'none' ? {} : { weights: 'f32' }) },
    uniforms: 'classes: u32, gamma: f32, alpha: f32',
    functions: `${SOFTPLUS}
fn isTarget(i: u32) -> bool { return labels[i / u.classes] == i32(i % u.classes); }
fn factor(i: u32, hit: bool, z: f32) -> f32 {
  return select(1.0 - u.alpha, u.alpha, hit) * exp(-u.gamma * softplus(z)) * ${weightAt[weights]};
}
fn value(i: u32) -> f32 {
  let hit = isTarget(i);
  let z = select(-logits[i], logits[i], hit);
  return factor(i, hit, z) * softplus(-z);
}
fn slope(i: u32) -> f32 {
  let hit = isTarget(i);
  let z = select(-logits[i], logits[i], hit);
  let q = exp(-softplus(z));
  let d = -factor(i, hit, z) * (u.gamma * (1.0 - q) * softplus(-z) + q);
  return select(-d, d, hit);
}`,
  };
}

/** weight * |pred - target|; the slope at 0 is 0. */
export function l1Source(hasWeight: boolean): LossSource {
  const weight = weightAt[hasWeight ? 'element' : 'none'];
  return {
    name: `l1Loss ${hasWeight ? 'element' : 'none'}`,
    reads: { pred: 'f32', goal: 'f32', ...(hasWeight ? { weights: 'f32' } : {}) },
    uniforms: '',
    functions: `
fn value(i: u32) -> f32 { return abs(pred[i] - goal[i]) * ${weight}; }
fn slope(i: u32) -> f32 { return sign(pred[i] - goal[i]) * ${weight}; }`,
  };
}

/** weight * (d < beta ? 0.5 d^2 / beta : d - 0.5 beta), d = |pred - target|. */
export function smoothL1Source(hasWeight: boolean): LossSource {
  const weight = weightAt[hasWeight ? 'element' : 'none'];
  return {
    name: `smoothL1Loss ${hasWeight ? 'element' : 'none'}`,
    reads: { pred: 'f32', goal: 'f32', ...(hasWeight ? { weights: 'f32' } : {}) },
    uniforms: 'beta: f32',
    functions: `
fn value(i: u32) -> f32 {
  let d = abs(pred[i] - goal[i]);
  return select(d - 0.5 * u.beta, 0.5 * d * d / u.beta, d < u.beta) * ${weight};
}
fn slope(i: u32) -> f32 {
  let d = pred[i] - goal[i];
  return select(sign(d), d / u.beta, abs(d) < u.beta) * ${weight};
}`,
  };
}
