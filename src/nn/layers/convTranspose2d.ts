import { add, convTranspose2d, type Pair, type Tensor } from '../../gpu/index.ts';
import type { Rng } from '../../util/prng.ts';
import { fans, fillUniform } from '../init/initializers.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { toPair, type PairArg } from './conv2d.ts';

export interface ConvTranspose2dArgs {
  inChannels: number;
  outChannels: number;
  kernelSize: PairArg;
  stride?: PairArg;
  padding?: PairArg;
  outputPadding?: PairArg;
  bias?: boolean;
}

/** PyTorch's `ConvTranspose2d` on NHWC activations. Parameters: `weight` [in, out, kh, kw], `bias` [out]. */
export class ConvTranspose2d extends Module {
  override readonly className = 'ConvTranspose2d';
  override readonly baseNames = ['_ConvTransposeNd'];
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #stride: Pair;
  readonly #padding: Pair;
  readonly #outputPadding: Pair;

  constructor({ inChannels, outChannels, kernelSize, bias = true, ...args }: ConvTranspose2dArgs) {
    super();
    this.#stride = toPair(args.stride ?? 1);
    this.#padding = toPair(args.padding ?? 0);
    this.#outputPadding = toPair(args.outputPadding ?? 0);
    // Of the convolution from out to in, whose axes these are.
    this.weight = this.addParameter(
      'weight',
      new Parameter([inChannels, outChannels, ...toPair(kernelSize)], 'conv'),
    );
    this.bias = bias ? this.addParameter('bias', new Parameter([outChannels])) : null;
  }

  /** @param x float32 [B, H, W, inChannels]; borrowed @returns float32 [B, H', W', outChannels], new */
  forward(x: Tensor): Tensor {
    const options = { stride: this.#stride, padding: this.#padding, outputPadding: this.#outputPadding };
    const y = convTranspose2d(x, this.weight.variable, options);
    return this.bias ? add(y, this.bias.variable) : y;
  }

  /** As a convolution's: ±1 / sqrt(fan_in), where PyTorch takes out x kh x kw for the fan. */
  override resetParameters(rng: Rng): void {
    const bound = 1 / Math.sqrt(fans(this.weight).fanIn);
    fillUniform(this.weight, rng, -bound, bound);
    if (this.bias) fillUniform(this.bias, rng, -bound, bound);
  }
}
