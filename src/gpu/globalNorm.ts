// The norm over all gradients, as a tensor: clipping never reads back. Sums run in a fixed order, so the bits repeat.
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from './program.ts';
import { tf, type Tensor } from './tfjs.ts';

// Elements one thread adds up in sequence; its neighbour's lie beside them, so that a workgroup reads whole lines. No
// barriers: dear on software adapters, and memory-bound on GPUs anyway.
const PER_THREAD = 256;
const THREADS = 64;
// What one thread joins at the end.
const LAST = 1024;

/**
 * Norm of all elements of all tensors together: (sum |x|^p)^(1/p), or max |x| for p = Infinity.
 *
 * @param normType p > 0, or Infinity. Equal to torch's norm of the tensors' norms.
 * @returns float32 scalar, the caller's. 0 for an empty list.
 */
export function globalNorm(tensors: readonly Tensor[], normType: number): Tensor {
  return tf.tidy(() => joined(tensors, normType, null).norm);
}

/**
 * {@link globalNorm} and the factor by which PyTorch's clip_grad_norm_ multiplies: min(1, maxNorm / (norm + 1e-6)), NaN if
 * the norm is. Two dispatches for one tensor of up to 262,144 elements, three up to 67 million.
 *
 * @returns float32 scalars, the caller's
 */
export function clipFactor(
  tensors: readonly Tensor[],
  normType: number,
  maxNorm: number,
): { norm: Tensor; factor: Tensor } {
  return tf.tidy(() => {
    const { norm, factor } = joined(tensors, normType, maxNorm);
    return { norm, factor: factor ?? tf.scalar(1) };
  });
}

function joined(
  tensors: readonly Tensor[],
  p: number,
  maxNorm: number | null,
): { norm: Tensor; factor: Tensor | null } {
  const filled = tensors.filter((t) => t.size > 0);
  if (filled.length === 0) return { norm: tf.scalar(0), factor: null };
  let left = filled.reduce((sum, t) => sum + partialsOf(t.size), 0);
  let partials = emptyTensor([left]);
  let offset = 0;
  for (const t of filled) {
    reduce(sumProgram(p, true), t, partials, t.size, offset);
    offset += partialsOf(t.size);
  }
  while (left > LAST) {
    const next = emptyTensor([partialsOf(left)]);
    reduce(sumProgram(p, false), partials, next, left, 0);
    partials = next;
    left = next.size;
  }
  const norm = emptyTensor([]);
  const factor = maxNorm === null ? null : emptyTensor([]);
  const words = Uint32Array.of(left, 0);
  new Float32Array(words.buffer)[1] = maxNorm ?? 0;
  runProgram(lastProgram(p, factor !== null), {
    reads: [partials],
    writes: factor ? [norm, factor] : [norm],
    uniforms: words,
    areUniformsStatic: true,
    grid: [1, 1, 1],
  });
  return { norm, factor };
}

function partialsOf(size: number): number {
  return Math.ceil(size / (PER_THREAD * THREADS)) * THREADS;
}

function reduce(program: Program, source: Tensor, target: Tensor, size: number, offset: number): void {
  runProgram(program, {
    reads: [source],
    writes: [target],
    uniforms: Uint32Array.of(size, offset),
    areUniformsStatic: true,
    grid: spread(partialsOf(size) / THREADS),
  });
}

// Bits of non-negative floats order like integers, with NaN on top: a NaN gradient must show in the norm, and
// float comparisons may be compiled as if there were none.
function joinOf(p: number): string {
  return p === Infinity ? 'bitcast<f32>(max(bitcast<u32>(acc), bitcast<u32>(term)))' : 'acc + term';
}

function sumProgram(p: number, isFirst: boolean): Program {
  return {
    key: `globalNorm p${p} ${isFirst ? 'first' : 'rest'}`,
    source: () => {
      const isPlain = p === Infinity || p === 1;
      const power = isPlain ? 'abs(v)' : p === 2 ? 'v * v' : `pow(abs(v), f32(${p}))`;
      return `${bindings({ source: 'f32' }, { target_data: 'f32' }, 'size: u32, offset: u32')}
${flatMain(
  `
  let start = (i / ${THREADS}u) * ${PER_THREAD * THREADS}u + local;
  if (i / ${THREADS}u * ${PER_THREAD * THREADS}u >= u.size) { return; }
  var acc = 0.0;
  for (var k = 0u; k < ${PER_THREAD}u; k++) {
    let j = start + k * ${THREADS}u;
    if (j >= u.size) { break; }
    let v = source[j];
    let term = ${isFirst ? power : 'v'};
    acc = ${joinOf(p)};
  }
  target_data[u.offset + i] = acc;`,
  THREADS,
)}`;
    },
  };
}

function lastProgram(p: number, hasFactor: boolean): Program {
  return {
    key: `globalNorm p${p} last${hasFactor ? ' clip' : ''}`,
    source: () => {
      const isPlain = p === Infinity || p === 1;
      const root = isPlain ? 'acc' : p === 2 ? 'sqrt(acc)' : `pow(acc, f32(${1 / p}))`;
      const writes = { norm_data: 'f32', ...(hasFactor ? { factor_data: 'f32' } : {}) };
      return `${bindings({ source: 'f32' }, writes, 'size: u32, maxNorm: f32')}
${flatMain(`
  if (i > 0u) { return; }
  var acc = 0.0;
  for (var j = 0u; j < u.size; j++) {
    let term = source[j];
    acc = ${joinOf(p)};
  }
  let norm = ${root};
  norm_data[0] = norm;
  ${
    hasFactor
      ? 'let ratio = u.maxNorm / (norm + 1e-6); factor_data[0] = select(ratio, 1.0, ratio > 1.0);'
      : ''
  }`)}`;
    },
  };
}
