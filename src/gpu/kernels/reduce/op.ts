// Sums and maxima over axes, in a fixed order, and the place of the maximum.
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { spread } from '../../dispatch/program.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import { fillTensor } from '../fill/op.ts';
import { argMaxProgram, reduceProgram, type Reduction } from './op.wgsl.ts';

/** A tensor seen as [outer, mid, inner], of which mid is reduced. */
export interface ReduceShape {
  readonly outer: number;
  readonly mid: number;
  readonly inner: number;
}

// Up to so many values one thread adds up; longer runs are split among threads, whose results are joined: runs so long
// that one more dispatch does it, within limits.
const MAX_RUN = 256;
const SPLIT_RUN = { min: 64, max: 256 };
// With so many results at once the device is busy without splitting.
const MANY_RESULTS = 16_384;

/**
 * Reduce x over `mid`.
 *
 * @param scale multiplies the result (a mean is a scaled sum).
 * @returns float32 of `outShape` (outer * inner elements), new. Not differentiable.
 */
export function reduce(
  kind: Reduction,
  x: Tensor,
  shape: ReduceShape,
  outShape: readonly number[],
  scale = 1,
): Tensor {
  // WebGPU binds no empty buffers.
  if (x.size === 0) return fillTensor(outShape, kind === 'sum' ? 0 : -Infinity);
  return tf.tidy(() => {
    let source = x;
    let { mid } = shape;
    for (;;) {
      const { outer, inner } = shape;
      const isSplit = mid > MAX_RUN && outer * inner < MANY_RESULTS;
      const run = Math.min(SPLIT_RUN.max, Math.max(SPLIT_RUN.min, Math.ceil(mid / MAX_RUN)));
      const chunks = isSplit ? Math.ceil(mid / run) : 1;
      const target = emptyTensor(isSplit ? [outer, chunks, inner] : outShape);
      if (target.size === 0) return target;
      const uniforms = Uint32Array.of(target.size, mid, inner, chunks, 0);
      new Float32Array(uniforms.buffer)[4] = isSplit ? 1 : scale;
      const grid = spread(target.size / 64);
      runProgram(reduceProgram(kind), {
        ...{ reads: [source], writes: [target], uniforms, areUniformsStatic: true, grid },
      });
      if (!isSplit) return target;
      source = target;
      mid = chunks;
    }
  });
}

/** The first place of the largest value along `mid` (NaN counts as larger than all): int32 of `outShape`. */
export function argMaxOver(x: Tensor, shape: ReduceShape, outShape: readonly number[]): Tensor {
  const target = emptyTensor(outShape, 'int32');
  if (target.size === 0) return target;
  runProgram(argMaxProgram(x.dtype !== 'float32'), {
    reads: [x],
    writes: [target],
    uniforms: Uint32Array.of(target.size, shape.mid, shape.inner),
    areUniformsStatic: true,
    grid: spread(target.size / 64),
  });
  return target;
}
