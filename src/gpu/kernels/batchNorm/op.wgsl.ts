// WGSL of batch norm over x seen as [rows, C]. A thread owns four channels (one where C is no multiple of 4) of a run of
// rows, so that per-channel values are loaded once. Statistics are joined chunk by chunk in a fixed order.
import { bindings, type Program } from '../../program.ts';

const UNIFORMS = 'size: u32, rows: u32, columns: u32, rowsPerThread: u32, eps: f32';

/** Words of the uniform buffer; `columns` counts elements of T (vec4 or single channels). */
export function normUniforms(
  size: number,
  rows: number,
  columns: number,
  rowsPerThread: number,
  eps: number,
): Uint32Array {
  const words = Uint32Array.of(size, rows, columns, rowsPerThread, 0);
  new Float32Array(words.buffer)[4] = eps;
  return words;
}

const type = (isVec: boolean): string => (isVec ? 'vec4f' : 'f32');
const suffix = (isVec: boolean): string => (isVec ? ' c4' : ' c1');

function main(body: string): string {
  return `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * grid.x) * 64u + local;
  if (i >= u.size) { return; }
  let c = i % u.columns;
  let start = i / u.columns * u.rowsPerThread;
  let end = min(start + u.rowsPerThread, u.rows);
${body}
}`;
}

/** Reads x; writes the mean and the sum of squared deviations of each chunk of rows: [chunks, C] each. */
export function statsProgram(isVec: boolean): Program {
  const T = type(isVec);
  return {
    key: `batchNormStats${suffix(isVec)}`,
    source: () => `${bindings({ x: T }, { means: T, m2s: T }, UNIFORMS)}
${main(`
  // Deviations from the chunk's first value: no cancellation where the mean is large.
  let shift = x[start * u.columns + c];
  var sum = ${T}();
  var squares = ${T}();
  for (var row = start; row < end; row++) {
    let d = x[row * u.columns + c] - shift;
    sum += d;
    squares += d * d;
  }
  let n = f32(end - start);
  means[i] = shift + sum / n;
  m2s[i] = max(squares - sum * sum / n, ${T}());`)}`,
  };
}

/**
 * Join chunk statistics (Chan, Golub, LeVeque 1979). Reads means and m2s of chunks of `rowsPerThread` rows; writes
 * mean [C] and biased variance [C].
 */
export function joinStatsProgram(isVec: boolean): Program {
  const T = type(isVec);
  return {
    key: `batchNormJoin${suffix(isVec)}`,
    source: () => `${bindings({ means: T, m2s: T }, { mean: T, variance: T }, UNIFORMS)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= u.columns) { return; }
  var total = 0.0;
  var m = ${T}();
  var m2 = ${T}();
  var chunk = 0u;
  for (var row = 0u; row < u.rows; row += u.rowsPerThread) {
    let n = f32(min(u.rowsPerThread, u.rows - row));
    let at = chunk * u.columns + c;
    let delta = means[at] - m;
    let next = total + n;
    m += delta * (n / next);
    m2 += m2s[at] + delta * delta * (total * n / next);
    total = next;
    chunk++;
  }
  mean[c] = m;
  variance[c] = m2 / total;
}`,
  };
}

/** y = (x - mean) / sqrt(variance + eps) * gamma + beta, then relu. Reads x, mean, variance, gamma, beta. */
export function normaliseProgram(isVec: boolean, hasRelu: boolean): Program {
  const T = type(isVec);
  return {
    key: `batchNormApply${hasRelu ? ' relu' : ''}${suffix(isVec)}`,
    source: () => `${bindings({ x: T, mean: T, variance: T, gamma: T, beta: T }, { y: T }, UNIFORMS)}
${main(`
  let m = mean[c];
  let scale = gamma[c] / sqrt(variance[c] + u.eps);
  let offset = beta[c];
  for (var row = start; row < end; row++) {
    let at = row * u.columns + c;
    let v = (x[at] - m) * scale + offset;
    y[at] = ${hasRelu ? `select(v, ${T}(), v < ${T}())` : 'v'};
  }`)}`,
  };
}

// With the activation folded in, the sign of y is found again from x: y itself is not kept.
function maskedDy(hasRelu: boolean, T: string): string {
  return hasRelu ? `select(${T}(), dy[at], (x[at] - m) * scale + offset > ${T}())` : 'dy[at]';
}

/** Chunk sums of dy and dy * xhat. Reads dy, x, mean, variance, gamma, beta; writes sumDy, sumDyXhat [chunks, C]. */
export function gradSumsProgram(isVec: boolean, hasRelu: boolean): Program {
  const T = type(isVec);
  const reads = { dy: T, x: T, mean: T, variance: T, gamma: T, beta: T };
  return {
    key: `batchNormGradSums${hasRelu ? ' relu' : ''}${suffix(isVec)}`,
    source: () => `${bindings(reads, { sums: T, dots: T }, UNIFORMS)}
${main(`
  let m = mean[c];
  let inverse = 1.0 / sqrt(variance[c] + u.eps);
  let scale = gamma[c] / sqrt(variance[c] + u.eps);
  let offset = beta[c];
  var sum = ${T}();
  var dot = ${T}();
  for (var row = start; row < end; row++) {
    let at = row * u.columns + c;
    let d = ${maskedDy(hasRelu, T)};
    sum += d;
    dot += d * (x[at] - m);
  }
  sums[i] = sum;
  dots[i] = dot * inverse;`)}`,
  };
}

/** Join the chunk sums of {@link gradSumsProgram}. Reads sums, dots of `rows` chunks; writes dbeta, dgamma [C]. */
export function joinSumsProgram(isVec: boolean): Program {
  const T = type(isVec);
  return {
    key: `batchNormJoinSums${suffix(isVec)}`,
    source: () => `${bindings({ sums: T, dots: T }, { dbeta: T, dgamma: T }, UNIFORMS)}
${main(`
  var sum = ${T}();
  var dot = ${T}();
  for (var row = start; row < end; row++) {
    sum += sums[row * u.columns + c];
    dot += dots[row * u.columns + c];
  }
  dbeta[c] = sum;
  dgamma[c] = dot;`)}`,
  };
}

/**
 * dx = gamma / std * (dy - mean(dy) - xhat * mean(dy * xhat)), or gamma / std * dy where the statistics are constants.
 * Reads dy, x, mean, variance, gamma, beta, and for training dbeta = sum(dy), dgamma = sum(dy * xhat).
 */
export function inputGradProgram(isVec: boolean, hasRelu: boolean, isTraining: boolean): Program {
  const T = type(isVec);
  const reads = { dy: T, x: T, mean: T, variance: T, gamma: T, beta: T };
  return {
    key: `batchNormInputGrad${hasRelu ? ' relu' : ''}${isTraining ? ' train' : ''}${suffix(isVec)}`,
    source: () => `${bindings(isTraining ? { ...reads, dbeta: T, dgamma: T } : reads, { dx: T }, UNIFORMS)}
${main(`
  let m = mean[c];
  let inverse = 1.0 / sqrt(variance[c] + u.eps);
  let scale = gamma[c] / sqrt(variance[c] + u.eps);
  let offset = beta[c];
  ${isTraining ? 'let a = dbeta[c] / f32(u.rows); let b = dgamma[c] * inverse / f32(u.rows);' : ''}
  for (var row = start; row < end; row++) {
    let at = row * u.columns + c;
    let d = ${maskedDy(hasRelu, T)};
    dx[at] = scale * ${isTraining ? '(d - a - (x[at] - m) * b)' : 'd'};
  }`)}`,
  };
}
