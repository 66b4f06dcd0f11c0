// Adding up over axes, without a gradient.
import type { Tensor } from '../device/tfjs.ts';
import { tf } from '../device/tfjs.ts';
import { runMap, type MapSource } from '../kernels/map/op.ts';
import { reduce, type ReduceShape } from '../kernels/reduce/op.ts';

/** Axes counted from the front, in order; all of them by default. */
export function axesOf(x: Tensor, axes: readonly number[] | undefined): number[] {
  if (!axes) return x.shape.map((_, i) => i);
  return axes.map((axis) => (axis < 0 ? axis + x.rank : axis)).sort((a, b) => a - b);
}

/** A shape without the given axes, or with 1 in their place. */
export function shapeWithout(shape: readonly number[], axes: readonly number[], keepDims = false): number[] {
  if (keepDims) return shape.map((n, i) => (axes.includes(i) ? 1 : n));
  return shape.filter((_, i) => !axes.includes(i));
}

/** One reduction per run of neighbouring axes, the last run first: each over the result of the one before. */
export function reduceShapes(shape: readonly number[], axes: readonly number[]): ReduceShape[] {
  const left = [...shape];
  const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
  const shapes: ReduceShape[] = [];
  let axis = shape.length - 1;
  while (axis >= 0) {
    if (!axes.includes(axis)) {
      axis -= 1;
      continue;
    }
    const end = axis + 1;
    while (axis > 0 && axes.includes(axis - 1)) axis -= 1;
    const mid = product(left.slice(axis, end));
    if (mid !== 1 || left.slice(axis, end).includes(0))
      shapes.push({ outer: product(left.slice(0, axis)), mid, inner: product(left.slice(end)) });
    left.fill(1, axis, end);
    axis -= 1;
  }
  return shapes;
}

/** Add up over `axes`, times `scale`. float32 of `outShape`, new. Not differentiable. @param x float32 */
export function sumOver(
  x: Tensor,
  axes: readonly number[],
  outShape: readonly number[],
  scale: number,
): Tensor {
  const shapes = reduceShapes(x.shape, axes);
  if (shapes.length === 0) return scaled(x, outShape, scale);
  let value = x;
  shapes.forEach((shape, k) => {
    const isLast = k === shapes.length - 1;
    const out = isLast ? outShape : [shape.outer * shape.inner];
    const next = reduce('sum', value, shape, out, isLast ? scale : 1);
    if (value !== x) value.dispose();
    value = next;
  });
  return value;
}

function scaled(x: Tensor, outShape: readonly number[], scale: number): Tensor {
  const flat = tf.reshape(x, [...outShape]);
  return x.dtype === 'float32' && scale === 1 ? flat : runMap(SCALED, [flat, scale], outShape);
}

/** A product with a number or a tensor, in float32. */
export const SCALED: MapSource = { name: 'mul', expression: 'a * b', isFloat: true };
