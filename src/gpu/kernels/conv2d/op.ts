// 2-D convolution, NHWC activations and HWIO weights, with stride, padding, dilation and groups.
import { runOp } from '../../op.ts';
import { emptyTensor, runProgram, spread } from '../../program.ts';
import type { Tensor } from '../../tfjs.ts';
import { columnSum } from '../columnSum/op.ts';
import { reluGrad } from '../relu/op.ts';
import {
  convLayout,
  convUniforms,
  filterGradProgram,
  filterGradThreads,
  forwardProgram,
  forwardThreads,
  inputGradProgram,
  inputGradThreads,
} from './op.wgsl.ts';
import { convShape, type Conv2dOptions, type ConvShape } from './shape.ts';

// Threads that keep a device busy; more splits of the filter gradient only add partials to join.
const FILTER_GRAD_THREADS = 4096;

/**
 * Convolve: y[b, oh, ow, f] = bias[f] + sum over kh, kw, c of
 * x[b, oh * stride - padding + kh * dilation, ..., c] * w[kh, kw, c, f], then the activation.
 *
 * @param x float32 [B, H, W, C].
 * @param w float32 [kh, kw, C / groups, F].
 * @param bias float32 [F] or null.
 * @returns float32 [B, outH, outW, F], out = floor((in + 2 padding - dilation (k - 1) - 1) / stride) + 1.
 */
export function conv2d(x: Tensor, w: Tensor, bias: Tensor | null, options: Conv2dOptions = {}): Tensor {
  const shape = convShape(x.shape, w.shape, options);
  const hasRelu = options.activation === 'relu';
  const [y] = runOp({
    inputs: bias ? { x, w, bias } : { x, w },
    forward: (save) => {
      const out = emptyTensor([shape.batch, shape.outH, shape.outW, shape.outC]);
      const threads = forwardThreads(shape);
      runProgram(forwardProgram(convLayout(shape), bias !== null, hasRelu), {
        reads: bias ? [x, w, bias] : [x, w],
        writes: [out],
        uniforms: convUniforms(shape, threads),
        areUniformsStatic: true,
        grid: spread(threads / 64),
      });
      save(hasRelu ? [x, w, out] : [x, w]);
      return [out];
    },
    backward: ([dy], [savedX, savedW, out]) => {
      const d = hasRelu ? reluGrad(dy, out) : dy;
      return {
        x: () => inputGrad(shape, d, savedW),
        w: () => filterGrad(shape, savedX, d),
        bias: () => columnSum(d, shape.batch * shape.outH * shape.outW, shape.outC, [shape.outC]),
      };
    },
  });
  return y;
}

function inputGrad(shape: ConvShape, dy: Tensor, w: Tensor): Tensor {
  const dx = emptyTensor([shape.batch, shape.inH, shape.inW, shape.inC]);
  const threads = inputGradThreads(shape);
  runProgram(inputGradProgram(convLayout(shape)), {
    reads: [dy, w],
    writes: [dx],
    uniforms: convUniforms(shape, threads),
    areUniformsStatic: true,
    grid: spread(threads / 64),
  });
  return dx;
}

function filterGrad(shape: ConvShape, x: Tensor, dy: Tensor): Tensor {
  const { kernelH, kernelW, inC, outC, groups, batch, outH } = shape;
  const threads = filterGradThreads(shape);
  const rows = batch * outH;
  const rowsPerSplit = Math.ceil(rows / Math.min(rows, Math.ceil(FILTER_GRAD_THREADS / threads)));
  const splits = Math.ceil(rows / rowsPerSplit);
  const outShape = [kernelH, kernelW, inC / groups, outC];
  const partials = emptyTensor(splits === 1 ? outShape : [splits, ...outShape]);
  runProgram(filterGradProgram(convLayout(shape)), {
    reads: [x, dy],
    writes: [partials],
    uniforms: convUniforms(shape, threads * splits, rowsPerSplit),
    areUniformsStatic: true,
    grid: spread((threads * splits) / 64),
  });
  return splits === 1 ? partials : columnSum(partials, splits, partials.size / splits, outShape);
}
