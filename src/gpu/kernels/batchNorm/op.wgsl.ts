// WGSL of batch and group norm over x seen as [samples, rows, C] (batch norm: one sample). A thread owns four channels
// (one where C is no multiple of 4) of a run of rows, so that per-channel values are loaded once. Statistics are joined
// chunk by chunk in a fixed order. Per-channel statistics lie as [samples, C].
import { bindings, type Program } from '../../dispatch/program.ts';
import { activationGradWgsl, activationKey, activationWgsl, type Activation } from '../activation.ts';

const UNIFORMS = 'size: u32, rows: u32, columns: u32, rowsPerThread: u32, chunks: u32, eps: f32';
const RUNNING = 'kept: f32, factor: f32, unbiasedFactor: f32';

export interface NormSizes {
  /** Threads. */
  readonly size: number;
  /** Rows of a sample. */
  readonly rows: number;
  /** Elements of T in a row. */
  readonly columns: number;
  readonly rowsPerThread: number;
  readonly eps: number;
}

/** Words of the uniform buffer, then any further floats. */
export function normUniforms(sizes: NormSizes, floats: readonly number[] = []): Uint32Array {
  const { size, rows, columns, rowsPerThread, eps } = sizes;
  const words = new Uint32Array(6 + floats.length);
  words.set([size, rows, columns, rowsPerThread, Math.ceil(rows / rowsPerThread)]);
  new Float32Array(words.buffer).set([eps, ...floats], 5);
  return words;
}

type T = 'f32' | 'vec4f';
const typeOf = (isVec: boolean): T => (isVec ? 'vec4f' : 'f32');
const suffix = (isVec: boolean): string => (isVec ? ' c4' : ' c1');
const named = (activation: Activation | undefined): string =>
  activation ? ` ${activationKey(activation)}` : '';

// `c` is the channel, `s` its place among the statistics, x[first + row * u.columns] its value in a row.
function main(body: string): string {
  return `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * grid.x) * 64u + local;
  if (i >= u.size) { return; }
  let c = i % u.columns;
  let sample = i / u.columns / u.chunks;
  let s = sample * u.columns + c;
  let first = sample * u.rows * u.columns + c;
  let start = i / u.columns % u.chunks * u.rowsPerThread;
  let end = min(start + u.rowsPerThread, u.rows);
${body}
}`;
}

/** Reads x; writes the mean and the sum of squared deviations of each chunk of rows: [samples, chunks, C] each. */
export function statsProgram(isVec: boolean): Program {
  const T = typeOf(isVec);
  return {
    key: `batchNormStats${suffix(isVec)}`,
    source: () => `${bindings({ x: T }, { means: T, m2s: T }, UNIFORMS)}
${main(`
  // Deviations from the chunk's first value: no cancellation where the mean is large.
  let shift = x[first + start * u.columns];
  var sum = ${T}();
  var squares = ${T}();
  for (var row = start; row < end; row++) {
    let d = x[first + row * u.columns] - shift;
    sum += d;
    squares += d * d;
  }
  let n = f32(end - start);
  means[i] = shift + sum / n;
  m2s[i] = max(squares - sum * sum / n, ${T}());`)}`,
  };
}

/**
 * Join chunk statistics (Chan, Golub, LeVeque 1979). Reads means and m2s of the chunks; writes mean and biased variance
 * [samples, C], and moves running statistics along: running = kept * running + factor * new.
 */
export function joinStatsProgram(isVec: boolean, hasRunning: boolean): Program {
  const T = typeOf(isVec);
  const writes = { mean: T, variance: T, ...(hasRunning ? { runningMean: T, runningVar: T } : {}) };
  return {
    key: `batchNormJoin${hasRunning ? ' running' : ''}${suffix(isVec)}`,
    source:
      () => `${bindings({ means: T, m2s: T }, writes, hasRunning ? `${UNIFORMS}, ${RUNNING}` : UNIFORMS)}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let s = (wg.x + wg.y * grid.x) * 64u + local;
  if (s >= u.size) { return; }
  var total = 0.0;
  var m = ${T}();
  var m2 = ${T}();
  var at = s / u.columns * u.chunks * u.columns + s % u.columns;
  for (var row = 0u; row < u.rows; row += u.rowsPerThread) {
    let n = f32(min(u.rowsPerThread, u.rows - row));
    let delta = means[at] - m;
    let next = total + n;
    m += delta * (n / next);
    m2 += m2s[at] + delta * delta * (total * n / next);
    total = next;
    at += u.columns;
  }
  let v = m2 / total;
  mean[s] = m;
  variance[s] = v;
  ${hasRunning ? RUNNING_UPDATE : ''}
}`,
  };
}

const RUNNING_UPDATE = `runningMean[s] = u.kept * runningMean[s] + u.factor * m;
  runningVar[s] = u.kept * runningVar[s] + u.unbiasedFactor * v;`;

/**
 * y = activation((x - mean) / sqrt(variance + eps) * gamma + beta [+ residual]). Reads x, mean, variance, gamma, beta,
 * [residual].
 */
export function normaliseProgram(
  isVec: boolean,
  activation: Activation | undefined,
  hasResidual: boolean,
): Program {
  const T = typeOf(isVec);
  const reads = { x: T, mean: T, variance: T, gamma: T, beta: T, ...(hasResidual ? { residual: T } : {}) };
  return {
    key: `batchNormApply${named(activation)}${hasResidual ? ' residual' : ''}${suffix(isVec)}`,
    source: () => `${bindings(reads, { y: T }, UNIFORMS)}
${activation ? activationWgsl(activation, T) : ''}
${main(`
  let m = mean[s];
  let scale = gamma[c] / sqrt(variance[s] + u.eps);
  let offset = beta[c];
  for (var row = start; row < end; row++) {
    let at = first + row * u.columns;
    let v = (x[at] - m) * scale + offset${hasResidual ? ' + residual[at]' : ''};
    y[at] = ${activation ? 'activate(v)' : 'v'};
  }`)}`,
  };
}

/**
 * dx = gamma / sqrt(variance + eps) * dy [* slope at y], of constant statistics, gamma and beta. Reads dy, variance, gamma,
 * [y]: the activation's slope must be known from its output.
 */
export function frozenGradProgram(isVec: boolean, activation: Activation | undefined): Program {
  const T = typeOf(isVec);
  const reads = { dy: T, variance: T, gamma: T, ...(activation ? { y: T } : {}) };
  return {
    key: `batchNormFrozenGrad${named(activation)}${suffix(isVec)}`,
    source: () => `${bindings(reads, { dx: T }, UNIFORMS)}
${slopeFunction(activation, T)}
${main(`
  let scale = gamma[c] / sqrt(variance[s] + u.eps);
  for (var row = start; row < end; row++) {
    let at = first + row * u.columns;
    dx[at] = scale * ${slopedDy(activation, T, 'y[at]')};
  }`)}`,
  };
}

// dy through the activation. Its input `z` is computed again from x where neither it nor y is kept.
function slopedDy(activation: Activation | undefined, T: T, z = 'centred * scale + offset'): string {
  if (!activation) return 'dy[at]';
  if (activation === 'relu') return `select(${T}(), dy[at], ${z} > ${T}())`;
  return `dy[at] * activationSlope(${z})`;
}

const slopeFunction = (activation: Activation | undefined, T: T): string =>
  activation && activation !== 'relu' ? activationGradWgsl(activation, T) : '';

/** Chunk sums of dy and dy * xhat. Reads dy, x, mean, variance, gamma, beta; writes sums, dots [samples, chunks, C]. */
export function gradSumsProgram(isVec: boolean, activation: Activation | undefined): Program {
  const T = typeOf(isVec);
  const reads = { dy: T, x: T, mean: T, variance: T, gamma: T, beta: T };
  return {
    key: `batchNormGradSums${named(activation)}${suffix(isVec)}`,
    source: () => `${bindings(reads, { sums: T, dots: T }, UNIFORMS)}
${slopeFunction(activation, T)}
${main(`
  let m = mean[s];
  let inverse = 1.0 / sqrt(variance[s] + u.eps);
  let scale = gamma[c] / sqrt(variance[s] + u.eps);
  let offset = beta[c];
  var sum = ${T}();
  var dot = ${T}();
  for (var row = start; row < end; row++) {
    let at = first + row * u.columns;
    let centred = x[at] - m;
    let d = ${slopedDy(activation, T)};
    sum += d;
    dot += d * centred;
  }
  sums[i] = sum;
  dots[i] = dot * inverse;`)}`,
  };
}

/**
 * Add up `rows` rows of each sample. Reads sums, dots [samples, rows, C]; writes both joined, [samples, C]; with `isPaired`
 * once more side by side, as {@link inputGradProgram} wants them.
 */
export function joinSumsProgram(isVec: boolean, isPaired: boolean): Program {
  const T = typeOf(isVec);
  const writes = { sum_total: T, dot_total: T, ...(isPaired ? { pairs: T } : {}) };
  return {
    key: `batchNormJoinSums${isPaired ? ' paired' : ''}${suffix(isVec)}`,
    source: () => `${bindings({ sums: T, dots: T }, writes, UNIFORMS)}
${main(`
  var sum = ${T}();
  var dot = ${T}();
  for (var row = start; row < end; row++) {
    sum += sums[first + row * u.columns];
    dot += dots[first + row * u.columns];
  }
  sum_total[s] = sum;
  dot_total[s] = dot;
  ${isPaired ? 'pairs[2u * s] = sum;\n  pairs[2u * s + 1u] = dot;' : ''}`)}`,
  };
}

/** Where the statistics come from, which decides what flows back through them. */
export type Statistics = 'given' | 'batch' | 'group';

// dx of one row from d (dy through the activation). Batch: gamma / std * (d - mean(d) - xhat * mean(d * xhat)). Group:
// the means are over gamma * d of all channels of the group.
const INPUT_GRAD: Record<Statistics, { readonly before: string; readonly dx: string }> = {
  given: { before: '', dx: 'scale * d' },
  batch: {
    before: 'let a = pairs[2u * s] / f32(u.rows); let b = pairs[2u * s + 1u] * inverse / f32(u.rows);',
    dx: 'scale * (d - a - centred * b)',
  },
  group: {
    before: 'let a = pairs[2u * s]; let b = pairs[2u * s + 1u] * inverse;',
    dx: 'inverse * (gamma[c] * d - a - centred * b)',
  },
};

/**
 * Reads dy, x, mean, variance, gamma, beta; besides for `batch` sums of dy and dy * xhat, for `group` the means of
 * gamma * dy and gamma * dy * xhat: [samples, C / width, 2, width] in one tensor, where width is 4 or 1, since eight buffers
 * are all that every device binds. Writes dx.
 */
export function inputGradProgram(
  isVec: boolean,
  activation: Activation | undefined,
  statistics: Statistics,
): Program {
  const T = typeOf(isVec);
  const given = { dy: T, x: T, mean: T, variance: T, gamma: T, beta: T };
  const { before, dx } = INPUT_GRAD[statistics];
  return {
    key: `batchNormInputGrad ${statistics}${named(activation)}${suffix(isVec)}`,
    source: () => `${bindings(statistics === 'given' ? given : { ...given, pairs: T }, { dx: T }, UNIFORMS)}
${slopeFunction(activation, T)}
${main(`
  let m = mean[s];
  let inverse = 1.0 / sqrt(variance[s] + u.eps);
  let scale = gamma[c] / sqrt(variance[s] + u.eps);
  let offset = beta[c];
  ${before}
  for (var row = start; row < end; row++) {
    let at = first + row * u.columns;
    let centred = x[at] - m;
    let d = ${slopedDy(activation, T)};
    dx[at] = ${dx};
  }`)}`,
  };
}
