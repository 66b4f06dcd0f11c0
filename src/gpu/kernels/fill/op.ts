// Constant tensors made on the GPU, so that a recorded step has no uploads in it.
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import type { DType, Tensor, TensorInfo } from '../../device/tfjs.ts';
import { sizeOf } from '../../dispatch/strides.ts';

/** A new tensor with `value` everywhere. Not differentiable. */
export function fillTensor(shape: readonly number[], value: number, dtype: DType = 'float32'): Tensor {
  const target = emptyTensor(shape, dtype);
  fillInto(target, value);
  return target;
}

/** Set every element of `target`. */
export function fillInto(target: TensorInfo, value: number): void {
  const size = sizeOf(target.shape);
  if (size === 0) return;
  const uniforms = Uint32Array.of(size, value);
  if (target.dtype === 'float32') new Float32Array(uniforms.buffer)[1] = value;
  runProgram(FILL, {
    reads: [],
    writes: [target],
    uniforms,
    areUniformsStatic: true,
    grid: spread(size / 64),
  });
}

// Words are written as they are, for floats and integers alike.
const FILL: Program = {
  key: 'fill',
  source: () => `${bindings({}, { result: 'u32' }, 'size: u32, word: u32')}
${flatMain('  if (i < u.size) { result[i] = u.word; }')}`,
};
