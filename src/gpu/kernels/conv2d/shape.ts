// The geometry of a convolution, checked once and shared by its three programs and its reference.
import { invariant } from '../../../errors/index.ts';
import type { Activation } from '../activation.ts';
import { at, take } from '../../../util/at.ts';

/** [rows, columns]. */
export type Pair = readonly [number, number];
export type { Activation };

export interface Conv2dOptions {
  /** Default [1, 1]. */
  readonly stride?: Pair;
  /** Zeros added on both sides of each axis, as in torch. Default [0, 0]. */
  readonly padding?: Pair;
  /** Default [1, 1]. */
  readonly dilation?: Pair;
  /** Default 1. */
  readonly groups?: number;
  readonly activation?: Activation;
}

/** Sizes of x [batch, inH, inW, inC], w [kernelH, kernelW, inC / groups, outC], y [batch, outH, outW, outC]. */
export interface ConvShape {
  readonly batch: number;
  readonly inH: number;
  readonly inW: number;
  readonly inC: number;
  readonly outH: number;
  readonly outW: number;
  readonly outC: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padH: number;
  readonly padW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly groups: number;
}

/** Derive the sizes. Fails (a bug of the caller) when x and w don't fit each other. */
export function convShape(x: readonly number[], w: readonly number[], options: Conv2dOptions): ConvShape {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = options;
  invariant(x.length === 4 && w.length === 4, `conv2d of ranks ${x.length} and ${w.length}`);
  const [batch, inH, inW, inC] = take(x, 4);
  const [kernelH, kernelW, groupC, outC] = take(w, 4);
  invariant(
    groupC * groups === inC && outC % groups === 0,
    `conv2d: ${inC} -> ${outC} channels in ${groups} groups`,
  );
  const out = (size: number, axis: 0 | 1): number =>
    Math.floor((size + 2 * padding[axis] - dilation[axis] * (at(w, axis) - 1) - 1) / stride[axis]) + 1;
  const outH = out(inH, 0);
  const outW = out(inW, 1);
  invariant(outH > 0 && outW > 0, `conv2d: ${inH}x${inW} is smaller than its kernel ${kernelH}x${kernelW}`);
  const [strideH, strideW] = stride;
  const [padH, padW] = padding;
  const [dilationH, dilationW] = dilation;
  return {
    ...{ batch, inH, inW, inC, outH, outW, outC, kernelH, kernelW },
    ...{ strideH, strideW, padH, padW, dilationH, dilationW, groups },
  };
}

/** Floating point operations of the forward pass, and of each of its two gradients: a multiply-add is two. */
export function convFlops(s: ConvShape): number {
  return (2 * s.batch * s.outH * s.outW * s.outC * s.kernelH * s.kernelW * s.inC) / s.groups;
}
