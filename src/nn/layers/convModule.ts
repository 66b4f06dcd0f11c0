import { type Activation, type Tensor } from '../../gpu/index.ts';
import type { Rng } from '../../util/prng.ts';
import { fillConstant, fillKaiming } from '../init/initializers.ts';
import { Module } from '../module.ts';
import {
  buildConvLayer,
  buildNormLayer,
  leakySlope,
  resolveActivation,
  type LayerCfg,
  type NormLayer,
} from './build.ts';
import type { Conv2d, PairArg } from './conv2d.ts';

export interface ConvModuleArgs {
  inChannels: number;
  outChannels: number;
  kernelSize: PairArg;
  stride?: PairArg;
  padding?: PairArg;
  dilation?: PairArg;
  groups?: number;
  /** `auto`: only without a norm layer. */
  bias?: boolean | 'auto';
  convCfg?: LayerCfg;
  normCfg?: LayerCfg;
  /** Types of {@link resolveActivation}; default ReLU, null: none. */
  actCfg?: LayerCfg;
}

/**
 * Convolution, norm and activation in one. Children: `conv`, then `bn` or `gn`.
 * Source: mmcv 1.7.2 `cnn/bricks/conv_module.py` (order conv, norm, act; zero padding).
 */
export class ConvModule extends Module {
  override readonly className = 'ConvModule';
  readonly conv: Conv2d;
  readonly norm: NormLayer | null;
  readonly #activation: Activation | undefined;
  /** Slope of a LeakyReLU, which the initial weights take into account; else null. */
  readonly #leakySlope: number | null;

  constructor(args: ConvModuleArgs) {
    super();
    const { convCfg = null, normCfg = null, actCfg = { type: 'ReLU' }, bias = 'auto', ...conv } = args;
    this.#activation = resolveActivation(actCfg);
    this.#leakySlope = actCfg?.type === 'LeakyReLU' ? leakySlope(actCfg) : null;
    const hasBias = bias === 'auto' ? normCfg === null : bias;
    this.conv = this.addModule('conv', buildConvLayer(convCfg, { ...conv, bias: hasBias }));
    if (normCfg === null) this.norm = null;
    else {
      const [name, norm] = buildNormLayer(normCfg, args.outChannels);
      this.norm = this.addModule(name, norm);
    }
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H', W', outChannels], new */
  forward(x: Tensor): Tensor {
    if (!this.norm) return this.conv.forward(x, this.#activation);
    return this.norm.forward(this.conv.forward(x), this.#activation);
  }

  /** Kaiming normal (fan_out, relu or leaky_relu), bias 0, norm 1 and 0: MMCV does this in the constructor already. */
  override resetParameters(rng: Rng): void {
    fillKaiming(this.conv.weight, rng, {
      a: this.#leakySlope ?? 0,
      mode: 'fan_out',
      nonlinearity: this.#leakySlope === null ? 'relu' : 'leaky_relu',
      distribution: 'normal',
    });
    if (this.conv.bias) fillConstant(this.conv.bias, 0);
    this.norm?.resetParameters(rng);
  }

  /**
   * MMCV's ConvModule has its own `init_weights`: where a parent's traversal meets it (not inside a ModuleList), it
   * overrules what the parent's init_cfg had just set.
   */
  override async applyInitCfg(rng: Rng): Promise<void> {
    this.resetParameters(rng);
  }
}
