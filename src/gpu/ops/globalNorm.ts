// The norm over all gradients, as a tensor: clipping never reads back. Sums run in a fixed order, so the bits repeat.
import { abs, add, concat, div, equal, greater, max, neg, reshape, sum, where } from './index.ts';
import { bindings, flatMain, spread, type Program } from '../dispatch/program.ts';
import { emptyTensor } from '../tensor/emptyTensor.ts';
import { runProgram } from '../dispatch/runProgram.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { at } from '../../util/at.ts';

// Elements one thread adds up in sequence; its neighbour's lie beside them, so that a workgroup reads whole lines. No
// barriers: dear on software adapters, and memory-bound on GPUs anyway.
const PER_THREAD = 256;
const THREADS = 64;
// What one thread joins at the end.
const LAST = 1024;

/**
 * Norm of all elements of all tensors together: (sum |x|^p)^(1/p), max |x| for p = Infinity, min |x| for -Infinity, for p = 0
 * the number of tensors that aren't all zero.
 *
 * @param normType p, not NaN. Equal to torch's norm of the tensors' norms.
 * @returns float32 scalar, the caller's. 0 for an empty list.
 */
export function globalNorm(tensors: readonly Tensor[], normType: number): Tensor {
  return tf.tidy(() =>
    normType > 0 ? joined(tensors, normType, null).norm : unusualNorm(tensors, normType),
  );
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
    if (!(normType > 0)) {
      const norm = unusualNorm(tensors, normType);
      const ratio = div(maxNorm, add(norm, 1e-6));
      return { norm, factor: where(greater(ratio, 1), tf.scalar(1), ratio) };
    }
    const { norm, factor } = joined(tensors, normType, maxNorm);
    return { norm, factor: factor ?? tf.scalar(1) };
  });
}

/** For p <= 0, which nobody clips by for long: several dispatches a tensor. */
function unusualNorm(tensors: readonly Tensor[], p: number): Tensor {
  const sizes = tensors.filter((t) => t.size > 0).map((t) => abs(t));
  if (sizes.length === 0) return tf.scalar(0);
  const isZero = sizes.map((size) => equal(size, 0));
  const together = (scalars: readonly Tensor[]): Tensor =>
    concat(
      scalars.map((one) => reshape(one, [1])),
      0,
    );
  if (p === 0) return sum(together(isZero.map((zeros) => max(where(zeros, tf.scalar(0), tf.scalar(1))))));
  const smallest = neg(max(together(sizes.map((size) => max(neg(size))))));
  if (p === -Infinity) return smallest;
  // A zero to a negative power is infinite, and the norm 0; shaders needn't know infinities.
  const others = sizes.map((size, i) => where(at(isZero, i), tf.scalar(1), size));
  return where(equal(smallest, 0), tf.scalar(0), joined(others, p, null).norm);
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
