// 2-D convolution, NHWC activations and HWIO weights, with stride, padding, dilation and groups.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../tensor/tape.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { columnSum } from '../columnSum/op.ts';
import { activationGrad } from './activationGrad.ts';
import { convFlops, convShape, type Conv2dOptions, type ConvShape } from './shape.ts';
import { chooseVariant, convTraits, filterGradSplits, variants } from './variants.ts';
import { keepsPreActivation, type ConvKind, type Epilogue } from './wgsl.ts';

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
  const { activation } = options;
  const epilogue = { hasBias: bias !== null, activation };
  const [y] = runOp({
    inputs: bias ? { x, w, bias } : { x, w },
    forward: (save) => {
      const { y: out, before } = convForward(shape, x, w, bias, epilogue);
      save(activation ? [x, w, before ?? out] : [x, w]);
      return [out];
    },
    backward: ([dy], [savedX, savedW, known]) => {
      const rows = shape.batch * shape.outH * shape.outW;
      const d = activation ? activationGrad(activation, dy, known) : dy;
      return {
        x: () => convInputGrad(shape, d, savedW),
        w: () => convFilterGrad(shape, savedX, d),
        bias: () => columnSum(d, rows, shape.outC, [shape.outC]),
      };
    },
  });
  return y;
}

/** The forward part alone, without a gradient. `before` is set where the activation's gradient needs its input. */
export function convForward(
  shape: ConvShape,
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  epilogue: Epilogue,
  outShape: readonly number[] = [shape.batch, shape.outH, shape.outW, shape.outC],
): { y: Tensor; before: Tensor | null } {
  const y = emptyTensor(outShape);
  const before = keepsPreActivation(epilogue) ? emptyTensor(outShape) : null;
  run('forward', shape, bias ? [x, w, bias] : [x, w], before ? [y, before] : [y], epilogue);
  return { y, before };
}

/** dx [B, H, W, C] from dy [B, outH, outW, F] and w. */
export function convInputGrad(
  shape: ConvShape,
  dy: Tensor,
  w: Tensor,
  outShape: readonly number[] = [shape.batch, shape.inH, shape.inW, shape.inC],
): Tensor {
  const dx = emptyTensor(outShape);
  run('inputGrad', shape, [dy, w], [dx]);
  return dx;
}

/** dw [kh, kw, C / groups, F] from x and dy. */
export function convFilterGrad(
  shape: ConvShape,
  x: Tensor,
  dy: Tensor,
  outShape: readonly number[] = [shape.kernelH, shape.kernelW, shape.inC / shape.groups, shape.outC],
): Tensor {
  const { splits } = filterGradSplits(shape, convTraits().isSoftware);
  const partials = emptyTensor(splits === 1 ? outShape : [splits, ...outShape]);
  run('filterGrad', shape, [x, dy], [partials]);
  return splits === 1 ? partials : columnSum(partials, splits, partials.size / splits, outShape);
}

function run(kind: ConvKind, shape: ConvShape, reads: Tensor[], writes: Tensor[], epilogue?: Epilogue): void {
  const traits = convTraits();
  const candidates = variants(kind, shape, traits, epilogue);
  const name = chooseVariant(kind, shape, candidates, traits);
  const variant = candidates.find((candidate) => candidate.name === name);
  invariant(variant, `conv2d has no variant '${name}'`);
  const { program, grid, uniforms } = variant;
  runProgram(program, { reads, writes, uniforms, areUniformsStatic: true, grid, flops: convFlops(shape) });
}
