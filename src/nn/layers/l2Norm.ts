import { add, div, maximum, mul, sqrt, square, sum, type Tensor } from '../../gpu/index.ts';
import { fillConstant } from '../init/initializers.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

/** Squares of a length that counts as none: far below eps, and a square root has a slope there. */
const NO_LENGTH = 1e-30;

/**
 * Each pixel's channels brought to one length: y = weight x / (||x|| + eps).
 * Source: mmdet 2.28.2 `models/necks/ssd_neck.py` (L2Norm).
 * Differs: a pixel whose channels are all 0 has a gradient, where PyTorch's is NaN.
 */
export class L2Norm extends Module {
  override readonly className = 'L2Norm';
  readonly #weight: Parameter;
  readonly #scale: number;
  readonly #eps: number;

  /** @param scale what weights start at */
  constructor(channels: number, scale = 20, eps = 1e-10) {
    super();
    this.#scale = scale;
    this.#eps = eps;
    this.#weight = this.addParameter('weight', new Parameter([channels], 'plain', scale));
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns the same shape, new */
  forward(x: Tensor): Tensor {
    const length = sqrt(maximum(sum(square(x), [3], true), NO_LENGTH));
    return div(mul(x, this.#weight.variable), add(length, this.#eps));
  }

  override resetParameters(): void {
    fillConstant(this.#weight, this.#scale);
  }
}
