// Comparisons and choices. What comes out of a comparison is int32 0 or 1 and a constant to the tape.
import { unbroadcast } from './unbroadcast.ts';
import { oneHotRows } from '../kernels/gather/op.ts';
import { runMap, type MapSource } from '../kernels/map/op.ts';
import { argMaxOver, reduce } from '../kernels/reduce/op.ts';
import { runOp } from '../tensor/tape.ts';
import { broadcastShape } from '../dispatch/strides.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { cast } from './creation.ts';
import { asFloat } from './dtype.ts';
import { compare, type Operand } from './map.ts';
import { reshape } from './movement.ts';
import { axesOf, reduceShapes, shapeWithout } from './sumOver.ts';

const comparison = (name: string, operator: string): MapSource => ({
  name,
  expression: `select(I(), I(1), a ${operator} b)`,
  isIntResult: true,
});
const EQUAL = comparison('equal', '==');
const GREATER = comparison('greater', '>');
const GREATER_EQUAL = comparison('greaterEqual', '>=');
const LESS = comparison('less', '<');

export const equal = (a: Tensor, b: Operand): Tensor => compare(EQUAL, a, b);
export const greater = (a: Tensor, b: Operand): Tensor => compare(GREATER, a, b);
export const greaterEqual = (a: Tensor, b: Operand): Tensor => compare(GREATER_EQUAL, a, b);
export const less = (a: Tensor, b: Operand): Tensor => compare(LESS, a, b);

/** int32 place of the first maximum along an axis; NaN counts as larger than all. Not differentiable. */
export function argMax(x: Tensor, axis = -1): Tensor {
  const axes = axesOf(x, [axis]);
  const [shape] = reduceShapes(x.shape, axes);
  return argMaxOver(x, shape ?? { outer: x.size, mid: 1, inner: 1 }, shapeWithout(x.shape, axes));
}

/** Largest value over `axes` (default all); NaN wins. float32, of integers too; not differentiable. */
export function max(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  const over = axesOf(x, axes);
  const outShape = shapeWithout(x.shape, over, keepDims);
  const shapes = reduceShapes(x.shape, over);
  return tf.tidy(() => {
    if (shapes.length === 0) return cast(reshape(x, outShape), 'float32');
    return shapes.reduce((value, shape, k) => {
      const isLast = k === shapes.length - 1;
      return reduce('max', value, shape, isLast ? outShape : [shape.outer * shape.inner]);
    }, asFloat(x));
  });
}

/** int32 -> float32 one-hot rows. Not differentiable. */
export const oneHot = (indices: Tensor, depth: number): Tensor => oneHotRows(indices, depth);

const WHERE: MapSource = { name: 'where', expression: 'select(c, b, a != V())' };
const MASKED: MapSource = { name: 'masked', expression: 'select(F(), a, b != F())', isFloat: true };
const MASKED_OUT: MapSource = { name: 'maskedOut', expression: 'select(F(), a, b == F())', isFloat: true };

/** Pick from `a` where `condition` (int32 or bool) is nonzero, else from `b`. Shapes broadcast. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape));
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      save([condition]);
      return [runMap(WHERE, [condition, a, b], shape)];
    },
    backward: ([dy], [mask]) => ({
      a: () => unbroadcast(runMap(MASKED, [dy, mask], shape), a.shape),
      b: () => unbroadcast(runMap(MASKED_OUT, [dy, mask], shape), b.shape),
    }),
  });
  return y;
}
