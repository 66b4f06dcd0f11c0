// Gradient of gather without atomics: every input entry adds up the picks that chose it, in order.
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from '../../program.ts';
import type { Tensor } from '../../tfjs.ts';

/**
 * Sum of dy over the picks of each entry of x. O(entries * picks): meant for some thousand picks.
 *
 * @param dy float32, x's shape with `axis` replaced by the number of indices.
 * @param indices int32 [n].
 */
export function gatherGrad(dy: Tensor, indices: Tensor, shape: readonly number[], axis: number): Tensor {
  const at = axis < 0 ? axis + shape.length : axis;
  const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
  const dx = emptyTensor(shape);
  runProgram(GATHER_GRAD, {
    reads: [dy, indices],
    writes: [dx],
    uniforms: Uint32Array.of(dx.size, inner, shape[at], indices.size),
    areUniformsStatic: true,
    grid: spread(dx.size / 64),
  });
  return dx;
}

const GATHER_GRAD: Program = {
  key: 'gatherGrad',
  source:
    () => `${bindings({ dy: 'f32', indices: 'i32' }, { dx: 'f32' }, 'size: u32, inner: u32, entries: u32, picks: u32')}
${flatMain(`
  if (i >= u.size) { return; }
  let k = i % u.inner;
  let entry = i32(i / u.inner % u.entries);
  let outer = i / u.inner / u.entries;
  var acc = 0.0;
  for (var pick = 0u; pick < u.picks; pick++) {
    if (indices[pick] == entry) { acc += dy[(outer * u.picks + pick) * u.inner + k]; }
  }
  dx[i] = acc;`)}`,
};
