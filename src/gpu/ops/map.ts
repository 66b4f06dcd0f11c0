// Joins elementwise functions to their gradients.
import { unbroadcast } from './unbroadcast.ts';
import { runMap, type MapOperand, type MapSource } from '../kernels/map/op.ts';
import { runOp } from '../tensor/tape.ts';
import { broadcastShape } from '../dispatch/strides.ts';
import type { Tensor } from '../device/tfjs.ts';

export type Operand = Tensor | number;

/** The shape of a result of two operands. */
export function shapeOf(a: Operand, b: Operand): readonly number[] {
  if (typeof a === 'number') return typeof b === 'number' ? [] : b.shape;
  return typeof b === 'number' ? a.shape : broadcastShape(a.shape, b.shape);
}

/** Two operands' function without a gradient. */
export function compare(source: MapSource, a: Operand, b: Operand): Tensor {
  return runMap(source, [a, b], shapeOf(a, b));
}

/** The gradient by one operand: of dy, a and b, in dy's shape. */
export type BinarySlope = (dy: Tensor, a: MapOperand, b: MapOperand) => Tensor;

/**
 * A function of two operands, of which plain numbers get no gradient.
 *
 * @param needsOperands false where the slopes look at dy alone: the operands are not kept then.
 */
export function binary(
  source: MapSource,
  a: Operand,
  b: Operand,
  slopeA: BinarySlope,
  slopeB: BinarySlope,
  needsOperands = true,
): Tensor {
  const inputs: Record<string, Tensor> = {};
  if (typeof a !== 'number') inputs.a = a;
  if (typeof b !== 'number') inputs.b = b;
  const shape = shapeOf(a, b);
  const [y] = runOp({
    inputs,
    forward: (save) => {
      if (needsOperands) save(Object.values(inputs));
      return [runMap(source, [a, b], shape)];
    },
    backward: ([dy], saved) => {
      const kept = [...saved];
      const restore = (operand: Operand): MapOperand =>
        typeof operand === 'number' || !needsOperands ? 0 : (kept.shift() ?? 0);
      const l = typeof a === 'number' ? a : restore(a);
      const r = typeof b === 'number' ? b : restore(b);
      const slopes: Record<string, () => Tensor> = {};
      if (typeof a !== 'number') slopes.a = () => unbroadcast(slopeA(dy, l, r), a.shape);
      if (typeof b !== 'number') slopes.b = () => unbroadcast(slopeB(dy, l, r), b.shape);
      return slopes;
    },
  });
  return y;
}

/** What a slope looks at besides dy. */
type Kept = 'x' | 'y' | 'nothing';

/** A function of one tensor. `slope` is an expression over dy as `a` and what is kept as `b`. */
export function unary(
  x: Tensor,
  value: MapSource,
  slope: MapSource,
  kept: Kept,
  params: readonly number[] = [],
): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const out = runMap(value, [x], x.shape, params);
      if (kept !== 'nothing') save([kept === 'x' ? x : out]);
      return [out];
    },
    backward: ([dy], saved) => ({ x: () => runMap(slope, [dy, ...saved], x.shape, params) }),
  });
  return y;
}

/** A function that only moves values: its slope needs dy alone. */
export function move(x: Tensor, value: () => Tensor, slope: (dy: Tensor) => Tensor): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: () => [value()],
    backward: ([dy]) => ({ x: () => slope(dy) }),
  });
  return y;
}
