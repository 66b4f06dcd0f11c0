// Shapes as strides: broadcasting, and joining axes that lie behind each other in memory.
import { invariant } from '../../errors/index.ts';
import { at } from '../../util/at.ts';

/** Row-major strides, in elements. @example stridesOf([2, 3]) // [3, 1] */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = stride;
    stride *= at(shape, axis);
  }
  return strides;
}

/** The number of elements. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The shape that `a` and `b` broadcast to, as in NumPy. @example broadcastShape([2, 1], [3]) // [2, 3] */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [m = 1, n = 1] = [a[axis - rank + a.length], b[axis - rank + b.length]];
    invariant(m === n || m === 1 || n === 1, `shapes [${a.join()}] and [${b.join()}] don't broadcast`);
    return m === 1 ? n : m;
  });
}

/** Strides that read a tensor of `shape` as if it had the shape `to`: 0 along axes that are repeated. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const lead = to.length - shape.length;
  invariant(lead >= 0, `shape [${shape.join()}] doesn't broadcast to [${to.join()}]`);
  const strides = stridesOf(shape);
  return to.map((n, axis) => {
    const own = axis < lead ? 1 : at(shape, axis - lead);
    invariant(own === n || own === 1, `shape [${shape.join()}] doesn't broadcast to [${to.join()}]`);
    return own === 1 ? 0 : at(strides, axis - lead);
  });
}

export interface StridedView {
  readonly dims: number[];
  /** One list per tensor, as long as dims. */
  readonly strides: number[][];
}

/**
 * Join neighbouring axes along which every tensor's memory is regular, and fill up with axes of length 1 in front.
 *
 * @param rank length of the result; joined axes beyond it are a bug of the caller.
 */
export function joinAxes(
  dims: readonly number[],
  strides: readonly (readonly number[])[],
  rank: number,
): StridedView {
  const joined: StridedView = { dims: [], strides: strides.map(() => []) };
  dims.forEach((n, axis) => {
    if (n === 1) return;
    const last = joined.dims.length - 1;
    const isRegular = last >= 0 && strides.every((s, k) => at(joined.strides, k)[last] === at(s, axis) * n);
    if (isRegular) {
      joined.dims[last] = at(joined.dims, last) * n;
      joined.strides.forEach((s, k) => (s[last] = at(at(strides, k), axis)));
    } else {
      joined.dims.push(n);
      joined.strides.forEach((s, k) => s.push(at(at(strides, k), axis)));
    }
  });
  invariant(joined.dims.length <= rank, `${joined.dims.length} axes of different strides, at most ${rank}`);
  while (joined.dims.length < rank) {
    joined.dims.unshift(1);
    for (const s of joined.strides) s.unshift(0);
  }
  return joined;
}
