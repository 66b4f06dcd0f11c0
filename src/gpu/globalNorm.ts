// The norm over all gradients, as a tensor: clipping never reads back. Sums run in a fixed order, so the bits repeat.
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from './program.ts';
import { tf, type Tensor } from './tfjs.ts';

// Elements one thread adds up in sequence. No barriers: dear on software adapters, and memory-bound on GPUs anyway.
const CHUNK = 256;

/**
 * Norm of all elements of all tensors together: (sum |x|^p)^(1/p), or max |x| for p = Infinity.
 *
 * @param normType p > 0, or Infinity. Equal to torch's norm of the tensors' norms.
 * @returns float32 scalar, the caller's. 0 for an empty list.
 */
export function globalNorm(tensors: readonly Tensor[], normType: number): Tensor {
  const filled = tensors.filter((t) => t.size > 0);
  if (filled.length === 0) return tf.scalar(0);
  return tf.tidy(() => {
    const counts = filled.map((t) => Math.ceil(t.size / CHUNK));
    const total = counts.reduce((sum, count) => sum + count, 0);
    let partials = emptyTensor([total]);
    let offset = 0;
    filled.forEach((t, i) => {
      reduce(t, partials, t.size, offset, normType, { isFirst: true, isLast: false });
      offset += counts[i];
    });
    let left = total;
    for (;;) {
      const count = Math.ceil(left / CHUNK);
      const next = emptyTensor(count === 1 ? [] : [count]);
      reduce(partials, next, left, 0, normType, { isFirst: false, isLast: count === 1 });
      if (count === 1) return next;
      partials = next;
      left = count;
    }
  });
}

function reduce(
  source: Tensor,
  target: Tensor,
  size: number,
  offset: number,
  p: number,
  stage: { isFirst: boolean; isLast: boolean },
): void {
  runProgram(normProgram(p, stage.isFirst, stage.isLast), {
    reads: [source],
    writes: [target],
    uniforms: Uint32Array.of(size, offset),
    areUniformsStatic: true,
    grid: spread(Math.ceil(size / CHUNK) / 64),
  });
}

function normProgram(p: number, isFirst: boolean, isLast: boolean): Program {
  return {
    key: `globalNorm p${p} ${isFirst ? 'first' : 'rest'} ${isLast ? 'last' : 'more'}`,
    source: () => {
      const isMax = p === Infinity;
      const power = isMax || p === 1 ? 'abs(v)' : p === 2 ? 'v * v' : `pow(abs(v), f32(${p}))`;
      const root = isMax || p === 1 ? 'acc' : p === 2 ? 'sqrt(acc)' : `pow(acc, f32(${1 / p}))`;
      const term = isFirst ? power : 'v';
      // Bits of non-negative floats order like integers, with NaN on top: a NaN gradient must show in the norm, and
      // float comparisons may be compiled as if there were none.
      const join = isMax ? 'bitcast<f32>(max(bitcast<u32>(acc), bitcast<u32>(term)))' : 'acc + term';
      return `${bindings({ source: 'f32' }, { target_data: 'f32' }, 'size: u32, offset: u32')}
${flatMain(`
  let start = i * ${CHUNK}u;
  if (start >= u.size) { return; }
  let end = min(start + ${CHUNK}u, u.size);
  var acc = 0.0;
  for (var j = start; j < end; j++) {
    let v = source[j];
    let term = ${term};
    acc = ${join};
  }
  target_data[u.offset + i] = ${isLast ? root : 'acc'};`)}`;
    },
  };
}
