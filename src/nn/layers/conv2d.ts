import { conv2d, type Activation, type Conv2dOptions, type Pair, type Tensor } from '../../gpu/index.ts';
import type { Rng } from '../../util/prng.ts';
import { fans, fillUniform } from '../init/initializers.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

/** A number for both axes, or [rows, columns]. */
export type PairArg = number | readonly number[];

export interface Conv2dArgs {
  inChannels: number;
  outChannels: number;
  kernelSize: PairArg;
  stride?: PairArg;
  /** Zeros on both sides of each axis. */
  padding?: PairArg;
  dilation?: PairArg;
  groups?: number;
  bias?: boolean;
}

/** PyTorch's `Conv2d` on NHWC activations. Parameters: `weight` [out, in / groups, kh, kw], `bias` [out]. */
export class Conv2d extends Module {
  override readonly className: string = 'Conv2d';
  override readonly baseNames: readonly string[] = ['_ConvNd'];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #stride: Pair;
  readonly #padding: Pair;
  readonly #dilation: Pair;

  constructor(args: Conv2dArgs) {
    super();
    const { inChannels, outChannels, groups = 1, bias = true } = args;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.groups = groups;
    const [kernelH, kernelW] = toPair(args.kernelSize);
    this.#stride = toPair(args.stride ?? 1);
    this.#padding = toPair(args.padding ?? 0);
    this.#dilation = toPair(args.dilation ?? 1);
    const shape = [outChannels, inChannels / groups, kernelH, kernelW];
    this.weight = this.addParameter('weight', new Parameter(shape, 'conv'));
    this.bias = bias ? this.addParameter('bias', new Parameter([outChannels])) : null;
  }

  /**
   * @param x float32 [B, H, W, inChannels]; borrowed
   * @param activation applied to the result in the same pass
   * @returns float32 [B, H', W', outChannels], new
   */
  forward(x: Tensor, activation?: Activation): Tensor {
    return conv2d(x, this.weight.variable, this.bias?.variable ?? null, this.options(activation));
  }

  /** What the GPU is asked for, for a subclass with a `forward` of its own. */
  protected options(activation?: Activation): Conv2dOptions {
    return {
      stride: this.#stride,
      padding: this.#padding,
      dilation: this.#dilation,
      groups: this.groups,
      activation,
    };
  }

  /** Kaiming uniform with a = sqrt(5), which comes to ±1 / sqrt(fan_in) for weight and bias. Source: torch 1.13 `_ConvNd.reset_parameters`. */
  override resetParameters(rng: Rng): void {
    const bound = 1 / Math.sqrt(fans(this.weight).fanIn);
    fillUniform(this.weight, rng, -bound, bound);
    if (this.bias) fillUniform(this.bias, rng, -bound, bound);
  }
}

/** Read PyTorch's "number or pair". */
export function toPair(value: PairArg): Pair {
  if (typeof value === 'number') return [value, value];
  const [rows = 0, columns = rows] = value;
  return [rows, columns];
}
