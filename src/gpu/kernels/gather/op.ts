// Picking entries by index, the gradient of it without atomics, and one-hot rows.
import { invariant } from '../../../errors/index.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { fillTensor } from '../fill/op.ts';
import type { DType, Tensor } from '../../device/tfjs.ts';
import { at as itemAt } from '../../../util/at.ts';

/**
 * Entries of x along `axis` by int32 indices [n], each in [0, entries). Any dtype. Not differentiable by itself.
 *
 * @returns x's shape with `axis` replaced by n.
 */
export function gatherRows(x: Tensor, indices: Tensor, axis: number): Tensor {
  invariant(indices.dtype === 'int32', `gather by ${indices.dtype} indices`);
  const { at, inner } = axisOf(x.shape, axis);
  const shape = [...x.shape];
  shape[at] = indices.size;
  const y = emptyTensor(shape, x.dtype as DType);
  dispatch(GATHER, [x, indices], y, inner, itemAt(x.shape, at), indices.size);
  return y;
}

/**
 * Sum of dy over the picks of each entry of x, in order. O(entries * picks): meant for some thousand picks.
 *
 * @param dy float32, x's shape with `axis` replaced by the number of indices.
 * @param indices int32 [n].
 */
export function gatherGrad(dy: Tensor, indices: Tensor, shape: readonly number[], axis: number): Tensor {
  const { at, inner } = axisOf(shape, axis);
  if (dy.size === 0) return fillTensor(shape, 0);
  const dx = emptyTensor(shape);
  dispatch(GATHER_GRAD, [dy, indices], dx, inner, itemAt(shape, at), indices.size);
  return dx;
}

/** 1 where an index names the column, else 0: float32 [..., depth]. Not differentiable. */
export function oneHotRows(indices: Tensor, depth: number): Tensor {
  invariant(indices.dtype === 'int32', `one-hot of ${indices.dtype} indices`);
  const y = emptyTensor([...indices.shape, depth]);
  dispatch(ONE_HOT, [indices], y, depth, 0, 0);
  return y;
}

function axisOf(shape: readonly number[], axis: number): { at: number; inner: number } {
  const at = axis < 0 ? axis + shape.length : axis;
  return { at, inner: shape.slice(at + 1).reduce((a, b) => a * b, 1) };
}

function dispatch(
  program: Program,
  reads: readonly Tensor[],
  target: Tensor,
  inner: number,
  entries: number,
  picks: number,
): void {
  if (target.size === 0) return;
  runProgram(program, {
    reads,
    writes: [target],
    uniforms: Uint32Array.of(target.size, inner, entries, picks),
    areUniformsStatic: true,
    grid: spread(target.size / 64),
  });
}

const UNIFORMS = 'size: u32, inner: u32, entries: u32, picks: u32';

const GATHER: Program = {
  key: 'gather',
  source: () => `${bindings({ x: 'u32', indices: 'i32' }, { y: 'u32' }, UNIFORMS)}
${flatMain(`
  if (i >= u.size) { return; }
  let k = i % u.inner;
  let pick = i / u.inner % u.picks;
  let outer = i / u.inner / u.picks;
  y[i] = x[(outer * u.entries + u32(indices[pick])) * u.inner + k];`)}`,
};

const GATHER_GRAD: Program = {
  key: 'gatherGrad',
  source: () => `${bindings({ dy: 'f32', indices: 'i32' }, { dx: 'f32' }, UNIFORMS)}
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

const ONE_HOT: Program = {
  key: 'oneHot',
  source: () => `${bindings({ indices: 'i32' }, { y: 'f32' }, UNIFORMS)}
${flatMain('  if (i < u.size) { y[i] = select(0.0, 1.0, indices[i / u.inner] == i32(i % u.inner)); }')}`,
};
