// Residual blocks and stages. Sources: mmdet 2.28.2 `models/backbones/{resnet,resnext}.py`, `models/utils/res_layer.py`.

import { avgPool2d, type Tensor } from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  ConvNormSequential,
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
  /** Whether it is the first of its stage. */
  isFirst: boolean;
  /** Beside the block; null: its input as it is. */
  downsample: Shortcut | null;
  /** Which convolution of a bottleneck has the stride: `pytorch` the 3x3, `caffe` the first 1x1. */
  style: BlockStyle;
  convCfg: LayerCfg;
  normCfg: Readonly<Record<string, unknown>>;
  initCfg: unknown;
}

export interface ResBlock extends Module {
  forward(x: Tensor): Tensor;
}

/** The blocks of a stage. */
export interface BlockDesign {
  /** Output channels per plane. */
  readonly expansion: number;
  /** The norm layer that `zero_init_residual` zeroes; null: none. */
  readonly lastNorm: string | null;
  build(args: BlockArgs): ResBlock;
}

interface ConvNorm {
  readonly conv: Conv2d;
  readonly norm: NormLayer;
}

interface BlockConv {
  readonly size: number;
  readonly out: number;
  readonly stride: number;
  readonly groups?: number;
}

abstract class ResBlockBase extends Module implements ResBlock {
  readonly #downsample: Shortcut | null = null;
  readonly #steps: readonly ConvNorm[];

  protected constructor(args: BlockArgs, convs: readonly BlockConv[]) {
    super();
    this.initCfg = args.initCfg;
    let channels = args.inplanes;
    this.#steps = convs.map(({ size, out, stride, groups }, i) => {
      // MMDetection dilates the first 3x3 convolution only; a basic block's second one is plain.
      const dilation = size === 3 && convs.findIndex((c) => c.size === 3) === i ? args.dilation : 1;
      const conv = buildConvLayer(args.convCfg, {
        inChannels: channels,
        outChannels: out,
        kernelSize: size,
        stride,
        padding: size === 3 ? dilation : 0,
        dilation,
        groups,
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
  override readonly className = 'BasicBlock';

  constructor(args: BlockArgs) {
    super(args, [
      { size: 3, out: args.planes, stride: args.stride },
      { size: 3, out: args.planes, stride: 1 },
    ]);
  }
}

/** How wide the 3x3 convolution of a bottleneck is, and in how many groups. */
export interface BottleneckWidth {
  readonly expansion: number;
  /** Default: that of the planes. */
  readonly width?: number;
  readonly groups?: number;
}

/** 1x1, 3x3, 1x1 convolutions with four times as many output channels (ResNet-50 and deeper). */
export class Bottleneck extends ResBlockBase {
  override readonly className = 'Bottleneck';

  constructor(
    args: BlockArgs,
    { expansion, width = args.planes, groups }: BottleneckWidth = { expansion: 4 },
  ) {
    const isCaffe = args.style === 'caffe';
    super(args, [
      { size: 1, out: width, stride: isCaffe ? args.stride : 1 },
      { size: 3, out: width, stride: isCaffe ? 1 : args.stride, groups },
      { size: 1, out: args.planes * expansion, stride: 1 },
    ]);
  }
}

export const BASIC_BLOCK: BlockDesign = {
  expansion: 1,
  lastNorm: 'norm2',
  build: (args) => new BasicBlock(args),
};

export const BOTTLENECK: BlockDesign = {
  expansion: 4,
  lastNorm: 'norm3',
  build: (args) => new Bottleneck(args),
};

export interface ResLayerArgs extends Omit<BlockArgs, 'downsample' | 'isFirst'> {
  block: BlockDesign;
  numBlocks: number;
  /** Pooling before the shortcut's convolution instead of its stride. */
  avgDown: boolean;
}

/** One stage: blocks in a row, of which the first may change stride and width. */
export class ResLayer extends Sequential {
  override readonly className = 'ResLayer';

  constructor({ block, numBlocks, avgDown, ...args }: ResLayerArgs) {
    const outChannels = args.planes * block.expansion;
    const reshapes = args.stride !== 1 || args.inplanes !== outChannels;
    const downsample = reshapes ? new Shortcut({ ...args, outChannels, avgDown }) : null;
    super(
      Array.from({ length: numBlocks }, (_, i) => {
        if (i === 0) return block.build({ ...args, isFirst: true, downsample });
        return block.build({ ...args, inplanes: outChannels, stride: 1, isFirst: false, downsample: null });
      }),
    );
  }
}

export interface ShortcutArgs extends Pick<BlockArgs, 'inplanes' | 'stride' | 'convCfg' | 'normCfg'> {
  outChannels: number;
  avgDown: boolean;
}

/** Brings a block's input to the shape of its result: 1x1 convolution and norm, after pooling with `avgDown`. */
export class Shortcut extends ConvNormSequential {
  readonly #pooling: number | null;

  constructor({ inplanes, stride, convCfg, normCfg, outChannels, avgDown }: ShortcutArgs) {
    const conv = buildConvLayer(convCfg, {
      inChannels: inplanes,
      outChannels,
      kernelSize: 1,
      stride: avgDown ? 1 : stride,
      bias: false,
    });
    super([{ conv, norm: buildNormLayer(normCfg, outChannels)[1] }], avgDown ? 1 : 0);
    this.#pooling = avgDown && stride > 1 ? stride : null;
  }

  override forward(x: Tensor): Tensor {
    if (this.#pooling === null) return super.forward(x);
    const options = { ceilMode: true, countIncludePad: false };
    return super.forward(avgPool2d(x, [this.#pooling, this.#pooling], options));
  }
}
