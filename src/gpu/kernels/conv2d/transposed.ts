// Transposed convolution: a convolution's input gradient as the forward pass, and its other two parts as gradients.
import { runOp } from '../../tensor/tape.ts';
import type { Tensor } from '../../device/tfjs.ts';
import { invariant } from '../../../errors/index.ts';
import { take } from '../../../util/at.ts';
import { convFilterGrad, convForward, convInputGrad } from './op.ts';
import { convShape, type ConvShape, type Pair } from './shape.ts';

export interface ConvTranspose2dOptions {
  /** How far apart input pixels come to lie. Default [1, 1]. */
  readonly stride?: Pair;
  /** Cut off on both sides of each axis. Default [0, 0]. */
  readonly padding?: Pair;
  /** Added behind each axis, less than the stride. Default [0, 0]. */
  readonly outputPadding?: Pair;
  /** Default [1, 1]. */
  readonly dilation?: Pair;
  /** Default 1. */
  readonly groups?: number;
}

/**
 * torch's `conv_transpose2d` without a bias.
 * @param x float32 [B, H, W, C]; borrowed
 * @param w float32 [kh, kw, F / groups, C]; borrowed
 * @returns float32 [B, outH, outW, F], out = (in - 1) stride - 2 padding + dilation (k - 1) + outputPadding + 1; new
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  const shape = transposedShape(x.shape, w.shape, options);
  const [y] = runOp({
    inputs: { x, w },
    forward: (save) => {
      save([x, w]);
      return [convInputGrad(shape, x, w)];
    },
    backward: ([dy], [savedX, savedW]) => ({
      x: () => convForward(shape, dy, savedW, null, { hasBias: false }).y,
      w: () => convFilterGrad(shape, dy, savedX),
    }),
  });
  return y;
}

/** Of the convolution that leads from the result's shape to x's. */
export function transposedShape(
  x: readonly number[],
  w: readonly number[],
  options: ConvTranspose2dOptions,
): ConvShape {
  const {
    stride = [1, 1],
    padding = [0, 0],
    outputPadding = [0, 0],
    dilation = [1, 1],
    groups = 1,
  } = options;
  const [batch, inH, inW] = take(x, 3);
  const [kernelH, kernelW, groupF] = take(w, 3);
  const out = (size: number, kernel: number, a: 0 | 1): number =>
    (size - 1) * stride[a] - 2 * padding[a] + dilation[a] * (kernel - 1) + outputPadding[a] + 1;
  const [outH, outW] = [out(inH, kernelH, 0), out(inW, kernelW, 1)];
  const shape = convShape([batch, outH, outW, groupF * groups], w, { stride, padding, dilation, groups });
  invariant(
    shape.outH === inH && shape.outW === inW && shape.outC === x[3],
    `convTranspose2d of [${x.join()}] with [${w.join()}]`,
  );
  return shape;
}
