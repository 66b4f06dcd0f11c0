// Programs read the words of a buffer as they were told: integers become floats before a program of floats has them.
import { runMap, type MapSource } from '../kernels/map/op.ts';
import type { DType, Tensor } from '../device/tfjs.ts';

/** Bools are integers on the GPU. */
export const typeOf = (x: Tensor): DType => (x.dtype === 'float32' ? 'float32' : 'int32');

/** The tensor itself, or its integers as float32 (new, without a gradient). */
export const asFloat = (x: Tensor): Tensor => (x.dtype === 'float32' ? x : runMap(TO_FLOAT, [x], x.shape));

export const TO_FLOAT: MapSource = { name: 'toFloat', expression: 'a', isFloat: true };
