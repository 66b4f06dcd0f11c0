import { activate, add, addRelu, groupNorm, type Activation, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import type { Rng } from '../../util/prng.ts';
import { fillConstant } from '../init/initializers.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

export interface GroupNormArgs {
  numGroups: number;
  numChannels: number;
  eps?: number;
}

/** PyTorch's `GroupNorm` (affine) on NHWC activations. */
export class GroupNorm extends Module {
  override readonly className = 'GroupNorm';
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #numGroups: number;
  readonly #eps: number;

  /** @throws ConfigError when the groups don't divide the channels */
  constructor({ numGroups, numChannels, eps = 1e-5 }: GroupNormArgs) {
    super();
    if (numChannels % numGroups !== 0)
      throw new ConfigError(`num_groups must divide the ${numChannels} channels, but got ${numGroups}`, {
        code: 'bad-value',
      });
    this.#numGroups = numGroups;
    this.#eps = eps;
    this.weight = this.addParameter('weight', new Parameter([numChannels], 'plain', 1));
    this.bias = this.addParameter('bias', new Parameter([numChannels]));
  }

  /**
   * @param x float32 [B, H, W, C]; borrowed
   * @param activation applied to the result in the same pass
   * @param residual float32, the same shape, added before the activation; borrowed
   * @returns the same shape, new
   */
  forward(x: Tensor, activation?: Activation, residual: Tensor | null = null): Tensor {
    const folded = residual ? undefined : activation;
    const y = groupNorm(x, this.#numGroups, this.weight.variable, this.bias.variable, this.#eps, folded);
    if (!residual) return y;
    if (activation === 'relu') return addRelu(y, residual);
    const sum = add(y, residual);
    return activation ? activate(sum, activation) : sum;
  }

  override resetParameters(_rng: Rng): void {
    fillConstant(this.weight, 1);
    fillConstant(this.bias, 0);
  }
}
