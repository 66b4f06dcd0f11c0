import {
  conv2d,
  div,
  mean,
  mul,
  square,
  sqrt,
  sub,
  sum,
  add,
  type Activation,
  type Tensor,
} from '../../gpu/index.ts';
import { Conv2d, type Conv2dArgs } from './conv2d.ts';

/**
 * A convolution whose filters are standardised whenever they are used: w' = (w - mean) / (std + eps) over each filter,
 * the spread divided by n - 1.
 * Source: Qiao et al., "Weight Standardization", 2019; mmcv 1.7.2 `cnn/bricks/../ops/conv_ws.py`.
 */
export class ConvWS2d extends Conv2d {
  override readonly className = 'ConvWS2d';
  override readonly baseNames = ['Conv2d'];
  readonly #eps: number;

  constructor({ eps = 1e-5, ...args }: Conv2dArgs & { eps?: number }) {
    super(args);
    this.#eps = eps;
  }

  override forward(x: Tensor, activation?: Activation): Tensor {
    return conv2d(x, this.#standardised(), this.bias?.variable ?? null, this.options(activation));
  }

  /** float32 [kh, kw, in / groups, out] */
  #standardised(): Tensor {
    const w = this.weight.variable;
    const filter = [0, 1, 2];
    const centred = sub(w, mean(w, filter, true));
    const count = this.weight.size / this.outChannels;
    const std = sqrt(mul(sum(square(centred), filter, true), 1 / (count - 1)));
    return div(centred, add(std, this.#eps));
  }
}
