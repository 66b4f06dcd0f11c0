// Sums and means over axes.
import { tf, type Tensor } from '../device/tfjs.ts';
import { runMap } from '../kernels/map/op.ts';
import { asFloat } from './dtype.ts';
import { move } from './map.ts';
import { axesOf, SCALED, shapeWithout, sumOver } from './sumOver.ts';

/** Add up over `axes` (default all). float32, of integers too. */
export const sum = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor =>
  scaledSum(x, axesOf(x, axes), keepDims, 1);

/** Average over `axes` (default all). float32, of integers too. */
export function mean(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  const over = axesOf(x, axes);
  const count = over.reduce((n, axis) => n * (x.shape[axis] ?? 1), 1);
  return scaledSum(x, over, keepDims, 1 / count);
}

function scaledSum(x: Tensor, axes: readonly number[], keepDims: boolean, scale: number): Tensor {
  const kept = shapeWithout(x.shape, axes, true);
  const outShape = keepDims ? kept : shapeWithout(x.shape, axes);
  return move(
    x,
    () => tf.tidy(() => sumOver(asFloat(x), axes, outShape, scale)),
    (dy) => runMap(SCALED, [tf.reshape(dy, kept), scale], x.shape),
  );
}
