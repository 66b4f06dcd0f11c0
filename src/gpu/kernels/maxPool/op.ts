// Max pooling with PyTorch's rules: padding counts as -inf, the gradient goes to the first maximum in row-major order,
// NaN wins.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../tensor/tape.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { spread } from '../../dispatch/program.ts';
import type { Tensor } from '../../device/tfjs.ts';
import type { Pair } from '../conv2d/shape.ts';
import { forwardProgram, inputGradProgram, poolUniforms, type PoolShape } from './op.wgsl.ts';
import { take } from '../../../util/at.ts';

/**
 * Pool x [B, H, W, C] to [B, outH, outW, C], out = floor((in + 2 padding - kernel) / stride) + 1.
 *
 * @param padding at most half the kernel, as torch asks.
 * @param ceilMode round up instead, where the last window begins within the picture or the padding before it.
 */
export function maxPool2d(x: Tensor, kernel: Pair, stride: Pair, padding: Pair, ceilMode = false): Tensor {
  const shape = poolShape(x.shape, kernel, stride, padding, ceilMode);
  const width = shape.channels % 4 === 0 ? 4 : 1;
  const outShape = [shape.batch, shape.outH, shape.outW, shape.channels];
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const out = emptyTensor(outShape);
      // Which tap of the window won: kh * kernelW + kw.
      const winner = emptyTensor(outShape, 'int32');
      runProgram(forwardProgram(shape, width), {
        reads: [x],
        writes: [out, winner],
        uniforms: poolUniforms(shape, out.size / width, width),
        areUniformsStatic: true,
        grid: spread(out.size / width / 64),
      });
      save([winner]);
      return [out];
    },
    backward: ([dy], [winner]) => ({
      x: () => {
        const dx = emptyTensor(x.shape);
        runProgram(inputGradProgram(shape, width), {
          reads: [dy, winner],
          writes: [dx],
          uniforms: poolUniforms(shape, dx.size / width, width),
          areUniformsStatic: true,
          grid: spread(dx.size / width / 64),
        });
        return dx;
      },
    }),
  });
  return y;
}

/** Derive the sizes. Source of the rule of `ceilMode`: ATen `Pool.h`, `pooling_output_shape_pad_lr`. */
export function poolShape(
  x: readonly number[],
  kernel: Pair,
  stride: Pair,
  padding: Pair,
  ceilMode = false,
): PoolShape {
  invariant(x.length === 4, `pooling of rank ${x.length}`);
  const out = (size: number, a: 0 | 1): number => {
    const steps = (size + 2 * padding[a] - kernel[a]) / stride[a];
    if (!ceilMode) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    return (count - 1) * stride[a] >= size + padding[a] ? count - 1 : count;
  };
  const [batch, inH, inW, channels] = take(x, 4);
  const [outH, outW] = [out(inH, 0), out(inW, 1)];
  invariant(outH > 0 && outW > 0, `pooling: ${inH}x${inW} is smaller than its kernel`);
  invariant(
    2 * padding[0] <= kernel[0] && 2 * padding[1] <= kernel[1],
    `pooling: padding ${padding.join()} is more than half the kernel ${kernel.join()}`,
  );
  return { ...{ batch, inH, inW, channels, outH, outW }, ...{ kernel, stride, padding } };
}
