// New tensors, and changes of dtype.
import { copyInto } from '../dispatch/elementwise.ts';
import { fillTensor } from '../kernels/fill/op.ts';
import { runMap, type MapSource } from '../kernels/map/op.ts';
import type { DType, Tensor } from '../device/tfjs.ts';
import { TO_FLOAT, typeOf } from './dtype.ts';
import { clone } from './movement.ts';

export const scalar = (value: number, dtype: DType = 'float32'): Tensor => fillTensor([], value, dtype);
export const zeros = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  fillTensor(shape, 0, dtype);
export const ones = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
  fillTensor(shape, 1, dtype);
export const fill = (shape: readonly number[], value: number): Tensor => fillTensor(shape, value);
export const zerosLike = (x: Tensor): Tensor => fillTensor(x.shape, 0, typeOf(x));
export const onesLike = (x: Tensor): Tensor => fillTensor(x.shape, 1, typeOf(x));

/** Change the dtype; floats are cut towards zero. Only float32 to float32 passes gradients. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (typeOf(x) === dtype && x.dtype === dtype) return clone(x);
  return runMap(dtype === 'float32' ? TO_FLOAT : TO_INT, [x], x.shape);
}

const TO_INT: MapSource = { name: 'toInt', expression: 'I(a)', isIntResult: true };

/** Give `target` the values of `value` (same size and dtype), in place; `value` stays the caller's and shares nothing. */
export function assign(target: Tensor, value: Tensor): void {
  copyInto(target, value);
}
