// Elementwise functions of up to three inputs with NumPy's broadcasting. Not differentiable by itself: ops/ adds gradients.
import { elementGrid, perThreadOf } from '../../dispatch/eachElement.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { broadcastStrides, joinAxes, sizeOf } from '../../dispatch/strides.ts';
import type { Tensor, TensorInfo } from '../../device/tfjs.ts';
import {
  mapProgram,
  MAX_RANK,
  type InputMode,
  type MapInput,
  type MapSource,
  type MapVariant,
} from './op.wgsl.ts';
import { at } from '../../../util/at.ts';

export type { MapSource } from './op.wgsl.ts';

/** A tensor, or a number that travels in the uniforms. */
export type MapOperand = TensorInfo | number;

// Below, the few threads saved aren't worth a second pipeline.
const MIN_VECTOR_SIZE = 256;

/**
 * Compute `source` at every element of `shape`, to which the inputs broadcast.
 *
 * @param params values of `u.p0`…
 * @returns new; int32 where the function says so or all inputs are integers, else float32.
 */
export function runMap(
  source: MapSource,
  inputs: readonly MapOperand[],
  shape: readonly number[],
  params: readonly number[] = [],
): Tensor {
  const isInt = source.isIntResult === true || isIntMath(source, inputs);
  const target = emptyTensor(shape, isInt ? 'int32' : 'float32');
  mapInto(source, inputs, target, params);
  return target;
}

/** {@link runMap} into `target`, which must not share memory with an input. */
export function mapInto(
  source: MapSource,
  inputs: readonly MapOperand[],
  target: TensorInfo,
  params: readonly number[] = [],
): void {
  const size = sizeOf(target.shape);
  if (size === 0) return;
  const modes = inputs.map((input): MapInput => {
    if (typeof input === 'number') return { mode: 'number', isInt: false };
    return { mode: modeOf(input, size), isInt: input.dtype !== 'float32' };
  });
  const strided = inputs.filter((_, k) => at(modes, k).mode === 'strided');
  const width = strided.length === 0 && size % 4 === 0 && size >= MIN_VECTOR_SIZE ? 4 : 1;
  const words = [size / width];
  if (strided.length > 0) {
    const all = strided.map((input) =>
      typeof input === 'number' ? [] : broadcastStrides(input.shape, target.shape),
    );
    const { dims, strides } = joinAxes(target.shape, all, MAX_RANK);
    words.push(...dims, ...strides.flat());
  }
  const numbers = [...inputs.filter((input) => typeof input === 'number'), ...params];
  const uniforms = new Uint32Array(words.length + numbers.length);
  uniforms.set(words);
  new Float32Array(uniforms.buffer).set(numbers, words.length);
  const count = size / width;
  const perThread = perThreadOf(count);
  const variant: MapVariant = {
    inputs: modes,
    isIntMath: isIntMath(source, inputs),
    width,
    numParams: params.length,
    perThread,
  };
  runProgram(mapProgram(source, variant), {
    reads: inputs.filter((input) => typeof input !== 'number'),
    writes: [target],
    uniforms,
    areUniformsStatic: true,
    grid: elementGrid(count, perThread),
  });
}

function modeOf(input: TensorInfo, size: number): InputMode {
  const own = sizeOf(input.shape);
  if (own === size) return 'flat';
  return own === 1 ? 'one' : 'strided';
}

function isIntMath(source: MapSource, inputs: readonly MapOperand[]): boolean {
  if (source.isFloat) return false;
  return inputs.every((input) =>
    typeof input === 'number' ? Number.isInteger(input) : input.dtype !== 'float32',
  );
}
