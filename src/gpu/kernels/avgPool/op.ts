// Average pooling with PyTorch's rules. Source: ATen `native/cpu/AvgPoolKernel.cpp`.
import type { Tensor } from '../../device/tfjs.ts';
import { spread, type Program } from '../../dispatch/program.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runOp } from '../../tensor/tape.ts';
import type { Pair } from '../conv2d/shape.ts';
import { poolShape } from '../maxPool/op.ts';
import { poolUniforms } from '../maxPool/op.wgsl.ts';
import { forwardProgram, inputGradProgram } from './op.wgsl.ts';

export interface AvgPoolOptions {
  /** Default: the kernel. */
  readonly stride?: Pair;
  /** Zeros on both sides of each axis, at most half the kernel. Default [0, 0]. */
  readonly padding?: Pair;
  /** Round the sizes up; default false. */
  readonly ceilMode?: boolean;
  /** Whether zeros of the padding count as values. Default true, as in torch. */
  readonly countIncludePad?: boolean;
}

/**
 * Average x [B, H, W, C] over windows.
 * @returns float32 [B, outH, outW, C], out = floor((in + 2 padding - kernel) / stride) + 1; new
 */
export function avgPool2d(x: Tensor, kernel: Pair, options: AvgPoolOptions = {}): Tensor {
  const { stride = kernel, padding = [0, 0], ceilMode = false, countIncludePad = true } = options;
  const shape = poolShape(x.shape, kernel, stride, padding, ceilMode);
  const width = shape.channels % 4 === 0 ? 4 : 1;
  const run = (program: Program, source: Tensor, target: Tensor): Tensor => {
    runProgram(program, {
      reads: [source],
      writes: [target],
      uniforms: poolUniforms(shape, target.size / width, width),
      areUniformsStatic: true,
      grid: spread(target.size / width / 64),
    });
    return target;
  };
  const outShape = [shape.batch, shape.outH, shape.outW, shape.channels];
  const [y] = runOp({
    inputs: { x },
    forward: () => [run(forwardProgram(shape, countIncludePad, width), x, emptyTensor(outShape))],
    backward: ([dy]) => ({
      x: () => run(inputGradProgram(shape, countIncludePad, width), dy, emptyTensor(x.shape)),
    }),
  });
  return y;
}
