// YOLOX's block. Source: mmdet 2.28.2 `models/utils/csp_layer.py`.

import { add, concat, type Tensor } from '../../gpu/index.ts';
import {
  ConvModule,
  convOrDepthwise,
  Module,
  PlainSequential,
  type Layer,
  type LayerCfg,
} from '../../nn/index.ts';

export interface CspCfgs {
  readonly convCfg: LayerCfg;
  readonly normCfg: LayerCfg;
  readonly actCfg: LayerCfg;
}

/** YOLOX's norm and activation behind each convolution. */
export const CSP_NORM = { type: 'BN', momentum: 0.03, eps: 0.001 };
export const CSP_ACT = { type: 'Swish' };

/** How YOLOX's convolutions start: as PyTorch's. */
export const CSP_INIT = {
  type: 'Kaiming',
  layer: 'Conv2d',
  a: Math.sqrt(5),
  distribution: 'uniform',
  mode: 'fan_in',
  nonlinearity: 'leaky_relu',
};

/** A 1x1 and a 3x3 convolution; the input is added with `addIdentity`. */
class DarknetBottleneck extends Module {
  override readonly className = 'DarknetBottleneck';
  readonly #conv1: ConvModule;
  readonly #conv2: Layer;
  readonly #addIdentity: boolean;

  constructor(channels: number, useDepthwise: boolean, addIdentity: boolean, cfgs: CspCfgs) {
    super();
    const widths = { ...cfgs, inChannels: channels, outChannels: channels };
    this.#conv1 = this.addModule('conv1', new ConvModule({ ...widths, kernelSize: 1 }));
    this.#conv2 = this.addModule(
      'conv2',
      convOrDepthwise(useDepthwise, { ...widths, kernelSize: 3, padding: 1 }),
    );
    this.#addIdentity = addIdentity;
  }

  forward(x: Tensor): Tensor {
    const y = this.#conv2.forward(this.#conv1.forward(x));
    return this.#addIdentity ? add(y, x) : y;
  }
}

export interface CspLayerArgs extends CspCfgs {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly numBlocks: number;
  readonly addIdentity: boolean;
  readonly useDepthwise: boolean;
}

/** Two 1x1 convolutions to half the channels side by side, one of them with blocks behind it; a third joins them. */
export class CSPLayer extends Module {
  override readonly className = 'CSPLayer';
  readonly #main: ConvModule;
  readonly #short: ConvModule;
  readonly #final: ConvModule;
  readonly #blocks: PlainSequential;

  constructor({ inChannels, outChannels, numBlocks, addIdentity, useDepthwise, ...cfgs }: CspLayerArgs) {
    super();
    const half = Math.trunc(outChannels * 0.5);
    const conv = (from: number, to: number): ConvModule =>
      new ConvModule({ ...cfgs, inChannels: from, outChannels: to, kernelSize: 1 });
    this.#main = this.addModule('main_conv', conv(inChannels, half));
    this.#short = this.addModule('short_conv', conv(inChannels, half));
    this.#final = this.addModule('final_conv', conv(2 * half, outChannels));
    const blocks = Array.from(
      { length: numBlocks },
      () => new DarknetBottleneck(half, useDepthwise, addIdentity, cfgs),
    );
    this.#blocks = this.addModule('blocks', new PlainSequential(blocks));
  }

  /** @param x float32 [B, H, W, inChannels]; borrowed @returns float32 [B, H, W, outChannels], new */
  forward(x: Tensor): Tensor {
    const short = this.#short.forward(x);
    return this.#final.forward(concat([this.#blocks.forward(this.#main.forward(x)), short], 3));
  }
}
