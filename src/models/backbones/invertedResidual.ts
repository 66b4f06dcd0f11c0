// MobileNet's block. Source: mmdet 2.28.2 `models/utils/{inverted_residual,se_layer}.py`.

import { add, mean, mul, type Tensor } from '../../gpu/index.ts';
import { ConvModule, Module, type LayerCfg } from '../../nn/index.ts';

export interface SELayerArgs {
  readonly channels: number;
  /** Channels of the first of its two convolutions. */
  readonly squeezed: number;
  /** Behind the first and the second convolution. */
  readonly actCfgs: readonly [LayerCfg, LayerCfg];
  readonly convCfg?: LayerCfg;
}

/** Squeeze and excitation: channels are scaled by what their means say. */
export class SELayer extends Module {
  override readonly className = 'SELayer';
  readonly #conv1: ConvModule;
  readonly #conv2: ConvModule;

  constructor({ channels, squeezed, actCfgs, convCfg = null }: SELayerArgs) {
    super();
    const [first, second] = actCfgs;
    const common = { kernelSize: 1, convCfg };
    this.#conv1 = this.addModule(
      'conv1',
      new ConvModule({ ...common, inChannels: channels, outChannels: squeezed, actCfg: first }),
    );
    this.#conv2 = this.addModule(
      'conv2',
      new ConvModule({ ...common, inChannels: squeezed, outChannels: channels, actCfg: second }),
    );
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns the same shape, new */
  forward(x: Tensor): Tensor {
    return mul(x, this.#conv2.forward(this.#conv1.forward(mean(x, [1, 2], true))));
  }
}

export interface InvertedResidualArgs {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of the depthwise convolution. */
  readonly midChannels: number;
  readonly kernelSize?: number;
  readonly stride: number;
  readonly withExpandConv: boolean;
  readonly convCfg: LayerCfg;
  readonly normCfg: LayerCfg;
  readonly actCfg: LayerCfg;
  /** Behind the depthwise convolution; default: none. */
  readonly se?: SELayer | null;
}

/** 1x1 to more channels, a depthwise convolution, 1x1 to fewer without an activation; a shortcut where shapes agree. */
export class InvertedResidual extends Module {
  override readonly className = 'InvertedResidual';
  readonly #expand: ConvModule | null = null;
  readonly #depthwise: ConvModule;
  readonly #se: SELayer | null = null;
  readonly #linear: ConvModule;
  readonly #hasShortcut: boolean;

  constructor(args: InvertedResidualArgs) {
    super();
    const { inChannels, outChannels, midChannels, kernelSize = 3, stride, se } = args;
    const { convCfg, normCfg, actCfg } = args;
    const layerCfgs = { convCfg, normCfg };
    this.#hasShortcut = stride === 1 && inChannels === outChannels;
    if (args.withExpandConv)
      this.#expand = this.addModule(
        'expand_conv',
        new ConvModule({ ...layerCfgs, actCfg, inChannels, outChannels: midChannels, kernelSize: 1 }),
      );
    this.#depthwise = this.addModule(
      'depthwise_conv',
      new ConvModule({
        ...{ ...layerCfgs, actCfg, kernelSize, stride, padding: Math.floor(kernelSize / 2) },
        ...{ inChannels: midChannels, outChannels: midChannels, groups: midChannels },
      }),
    );
    if (se) this.#se = this.addModule('se', se);
    this.#linear = this.addModule(
      'linear_conv',
      new ConvModule({ ...layerCfgs, actCfg: null, inChannels: midChannels, outChannels, kernelSize: 1 }),
    );
  }

  /** @param x float32 [B, H, W, inChannels]; borrowed @returns new */
  forward(x: Tensor): Tensor {
    const wide = this.#depthwise.forward(this.#expand ? this.#expand.forward(x) : x);
    const y = this.#linear.forward(this.#se ? this.#se.forward(wide) : wide);
    return this.#hasShortcut ? add(x, y) : y;
  }
}
