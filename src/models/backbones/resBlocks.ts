// Residual blocks and stages. Sources: mmdet 2.28.2 `models/backbones/resnet.py`, `models/utils/res_layer.py`.

import type { Tensor } from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  Module,
  Sequential,
  type Conv2d,
  type LayerCfg,
  type NormLayer,
} from '../../nn/index.ts';

export type BlockStyle = 'pytorch' | 'caffe';

export interface BlockArgs {
  inplanes: number;
  planes: number;
  stride: number;
  dilation: number;
  downsample: Sequential | null;
  /** Which convolution of a bottleneck has the stride: `pytorch` the 3x3, `caffe` the first 1x1. */
  style: BlockStyle;
  convCfg: LayerCfg;
  normCfg: Readonly<Record<string, unknown>>;
  initCfg: unknown;
}

export interface ResBlock extends Module {
  forward(x: Tensor): Tensor;
}

/** How a depth builds its blocks. */
export interface BlockType {
  /** Output channels per plane. */
  readonly expansion: number;
  /** The norm layer that `zero_init_residual` zeroes. */
  readonly lastNorm: string;
  new (args: BlockArgs): ResBlock;
}

interface ConvNorm {
  readonly conv: Conv2d;
  readonly norm: NormLayer;
}

abstract class ResBlockBase extends Module implements ResBlock {
  readonly #downsample: Sequential | null = null;
  readonly #steps: readonly ConvNorm[];

  protected constructor(args: BlockArgs, convs: readonly { size: number; out: number; stride: number }[]) {
    super();
    this.initCfg = args.initCfg;
    let channels = args.inplanes;
    this.#steps = convs.map(({ size, out, stride }, i) => {
      // MMDetection dilates the first 3x3 convolution only; a basic block's second one is plain.
      const dilation = size === 3 && convs.findIndex((c) => c.size === 3) === i ? args.dilation : 1;
      const conv = buildConvLayer(args.convCfg, {
        inChannels: channels,
        outChannels: out,
        kernelSize: size,
        stride,
        padding: size === 3 ? dilation : 0,
        dilation,
        bias: false,
      });
      channels = out;
      this.addModule(`conv${i + 1}`, conv);
      const [name, norm] = buildNormLayer(args.normCfg, out, i + 1);
      return { conv, norm: this.addModule(name, norm) };
    });
    if (args.downsample) this.#downsample = this.addModule('downsample', args.downsample);
  }

  /** @param x float32 [B, H, W, inplanes]; borrowed @returns new */
  forward(x: Tensor): Tensor {
    const residual = this.#downsample ? this.#downsample.forward(x) : x;
    return this.#steps.reduce((y, { conv, norm }, i) => {
      const isLast = i === this.#steps.length - 1;
      return norm.forward(conv.forward(y), 'relu', isLast ? residual : null);
    }, x);
  }

  /** `norm1` is the first norm layer, whatever its name. */
  override attribute(name: string): Module | undefined {
    const index = /^norm([123])$/.exec(name)?.[1];
    return index === undefined ? super.attribute(name) : this.#steps[Number(index) - 1]?.norm;
  }
}

/** Two 3x3 convolutions (ResNet-18 and 34). */
export class BasicBlock extends ResBlockBase {
  static readonly expansion = 1;
  static readonly lastNorm = 'norm2';
  override readonly className = 'BasicBlock';

  constructor(args: BlockArgs) {
    super(args, [
      { size: 3, out: args.planes, stride: args.stride },
      { size: 3, out: args.planes, stride: 1 },
    ]);
  }
}

/** 1x1, 3x3, 1x1 convolutions with four times as many output channels (ResNet-50 and deeper). */
export class Bottleneck extends ResBlockBase {
  static readonly expansion = 4;
  static readonly lastNorm = 'norm3';
  override readonly className = 'Bottleneck';

  constructor(args: BlockArgs) {
    const isCaffe = args.style === 'caffe';
    super(args, [
      { size: 1, out: args.planes, stride: isCaffe ? args.stride : 1 },
      { size: 3, out: args.planes, stride: isCaffe ? 1 : args.stride },
      { size: 1, out: args.planes * Bottleneck.expansion, stride: 1 },
    ]);
  }
}

export interface ResLayerArgs extends Omit<BlockArgs, 'downsample'> {
  block: BlockType;
  numBlocks: number;
}

/** One stage: blocks in a row, of which the first may change stride and width. */
export class ResLayer extends Sequential {
  override readonly className = 'ResLayer';

  constructor({ block, numBlocks, ...args }: ResLayerArgs) {
    const outChannels = args.planes * block.expansion;
    const reshapes = args.stride !== 1 || args.inplanes !== outChannels;
    const blocks = Array.from({ length: numBlocks }, (_, i) => {
      if (i > 0) return new block({ ...args, inplanes: outChannels, stride: 1, downsample: null });
      return new block({ ...args, downsample: reshapes ? makeDownsample(args, outChannels) : null });
    });
    super(blocks);
  }
}

function makeDownsample(args: Omit<BlockArgs, 'downsample'>, outChannels: number): Sequential {
  const conv = buildConvLayer(args.convCfg, {
    inChannels: args.inplanes,
    outChannels,
    kernelSize: 1,
    stride: args.stride,
    bias: false,
  });
  return new PlainSequential([conv, buildNormLayer(args.normCfg, outChannels)[1]]);
}

/** PyTorch's own `Sequential`, which MMCV's `init_weights` doesn't enter. */
class PlainSequential extends Sequential {
  override async applyInitCfg(): Promise<void> {
    // Nothing: plain layers have no init_cfg.
  }
}
