import type { Tensor } from '../../gpu/index.ts';
import { Module } from '../module.ts';
import { ConvModule, type ConvModuleArgs } from './convModule.ts';

/** `groups` is the number of input channels. */
export type DepthwiseSeparableArgs = Omit<ConvModuleArgs, 'groups'>;

/**
 * A convolution of each channel by itself, then a 1x1 convolution; norm and activation behind both.
 * Source: mmcv 1.7.2 `cnn/bricks/depthwise_separable_conv_module.py`, without `dw_*` and `pw_*` arguments.
 */
export class DepthwiseSeparableConvModule extends Module {
  override readonly className = 'DepthwiseSeparableConvModule';
  readonly #depthwise: ConvModule;
  readonly #pointwise: ConvModule;

  constructor(args: DepthwiseSeparableArgs) {
    super();
    const { inChannels, outChannels, bias, convCfg, normCfg, actCfg } = args;
    const depthwise = { ...args, outChannels: inChannels, groups: inChannels };
    const pointwise = { inChannels, outChannels, kernelSize: 1, bias, convCfg, normCfg, actCfg };
    this.#depthwise = this.addModule('depthwise_conv', new ConvModule(depthwise));
    this.#pointwise = this.addModule('pointwise_conv', new ConvModule(pointwise));
  }

  /** @param x float32 [B, H, W, inChannels]; borrowed @returns float32 [B, H', W', outChannels], new */
  forward(x: Tensor): Tensor {
    return this.#pointwise.forward(this.#depthwise.forward(x));
  }

  /** MMCV's class has no `init_weights`: its ConvModules keep what they, or a parent's init_cfg, began with. */
  override async applyInitCfg(): Promise<void> {
    // See above.
  }
}

/** What stands for a convolution where a model has `use_depthwise`. */
export function convOrDepthwise(
  useDepthwise: boolean,
  args: DepthwiseSeparableArgs,
): ConvModule | DepthwiseSeparableConvModule {
  return useDepthwise ? new DepthwiseSeparableConvModule(args) : new ConvModule(args);
}
