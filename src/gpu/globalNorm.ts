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
    reduce(p, true, t, partials, offset);
    offset += partialsOf(t.size);
  }
  while (left > LAST) {
    const next = emptyTensor([partialsOf(left)]);
    reduce(p, false, partials, next, 0);
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

function reduce(p: number, isFirst: boolean, source: Tensor, target: Tensor, offset: number): void {
  const width = source.size % 4 === 0 ? 4 : 1;
  const { size } = source;
  runProgram(sumProgram(p, isFirst, width), {
    reads: [source],
    writes: [target],
    uniforms: Uint32Array.of(size / width, offset),
    areUniformsStatic: true,
    grid: spread(partialsOf(size) / THREADS),
  });
}

// Bits of non-negative floats order like integers, with NaN on top: a NaN gradient must show in the norm, and
// float comparisons may be compiled as if there were none.
function joinOf(p: number, width: 1 | 4): string {
  const [F, U] = width === 4 ? ['vec4f', 'vec4u'] : ['f32', 'u32'];
  return p === Infinity ? `bitcast<${F}>(max(bitcast<${U}>(acc), bitcast<${U}>(term)))` : 'acc + term';
}

// Four elements at a time where their number allows it: software adapters load vectors at a quarter of the cost.
function sumProgram(p: number, isFirst: boolean, width: 1 | 4): Program {
  const T = width === 4 ? 'vec4f' : 'f32';
  return {
    key: `globalNorm p${p} ${isFirst ? 'first' : 'rest'} c${width}`,
    source: () => {
      const isPlain = p === Infinity || p === 1;
      const power = isPlain ? 'abs(v)' : p === 2 ? 'v * v' : `pow(abs(v), ${T}(${p}))`;
      const loads = PER_THREAD / width;
      return `${bindings({ source: T }, { target_data: 'f32' }, 'size: u32, offset: u32')}
fn join(acc: ${T}, term: ${T}) -> ${T} { return ${joinOf(p, width)}; }
${flatMain(
  `
  let begin = i / ${THREADS}u * ${loads * THREADS}u;
  if (begin >= u.size) { return; }
  var acc = ${T}();
  for (var k = 0u; k < ${loads}u; k++) {
    let j = begin + local + k * ${THREADS}u;
    if (j >= u.size) { break; }
    let v = source[j];
    acc = join(acc, ${isFirst ? power : 'v'});
  }
  target_data[u.offset + i] = ${width === 4 ? 'join(join(acc, acc.yxwz), join(acc, acc.yxwz).zwxy).x' : 'acc'};`,
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
    acc = ${joinOf(p, 1)};
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
