// ResNeSt. Source: Zhang et al., "ResNeSt: Split-Attention Networks", 2020; mmdet 2.28.2 `models/backbones/resnest.py`.

import {
  avgPool2d,
  mean,
  mul,
  reshape,
  sigmoid,
  softmax,
  sum,
  transpose,
  type Tensor,
} from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  Module,
  type Conv2d,
  type LayerCfg,
  type NormLayer,
} from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  flag,
  int,
  MODELS,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { take } from '../../util/at.ts';
import type { BlockArgs, ResBlock, Shortcut } from './resBlocks.ts';
import { doublingDesign, STAGE_BLOCKS } from './resnet.ts';
import { RESNET_TABLE, ResNetBase } from './resnetBase.ts';
import { warnOfZeroInit } from './resnext.ts';

const count = atLeast(int, 1);
const { deep_stem: _deepStem, avg_down: _avgDown, ...V1D_TABLE } = RESNET_TABLE;
const DEPTHS = { ...STAGE_BLOCKS, 200: [3, 24, 36, 3] } as const;

const RESNEST_ARGS = declareArgs({
  groups: optional(count, 1, 'Groups of the 3x3 convolutions, each with as many splits.', 'groups'),
  base_width: optional(count, 4, 'Channels of a group in the first stage.', 'channels'),
  radix: optional(count, 2, 'Splits between which attention chooses.', 'splits'),
  reduction_factor: optional(count, 4, 'By how much attention has fewer channels.'),
  avg_down_stride: optional(flag, true, 'Pooling behind the 3x3 convolution instead of its stride.'),
  depth: required(oneOf(50, 101, 152, 200), 'How many layers it has.', 'layers'),
  ...V1D_TABLE,
});

export class ResNeSt extends ResNetBase {
  static readonly args = RESNEST_ARGS;
  override readonly className = 'ResNeSt';

  constructor(given: ArgsOf<typeof RESNEST_ARGS>, context?: BuildContext) {
    const args = { ...withDefaults(RESNEST_ARGS, given), deepStem: true, avgDown: true };
    const { groups, radix, reductionFactor, avgDownStride } = args;
    warnOfZeroInit('ResNeSt', given.zeroInitResidual, context);
    const share = args.baseWidth / args.baseChannels;
    const widthOf = (planes: number): number => (groups === 1 ? planes : Math.floor(planes * share) * groups);
    const block = {
      expansion: EXPANSION,
      lastNorm: null,
      build: (one: BlockArgs) =>
        new SplitBottleneck(one, {
          groups,
          radix,
          reductionFactor,
          avgDownStride,
          width: widthOf(one.planes),
        }),
    };
    const design = doublingDesign(args, DEPTHS[args.depth], block);
    super('ResNeSt', { ...args, stemChannels: args.stemChannels ?? args.baseChannels }, design, context);
  }
}

const EXPANSION = 4;

interface SplitArgs {
  readonly groups: number;
  readonly radix: number;
  readonly reductionFactor: number;
}

/** A bottleneck with split attention as its 3x3 convolution. */
class SplitBottleneck extends Module implements ResBlock {
  override readonly className = 'Bottleneck';
  readonly #conv1: Conv2d;
  readonly #norm1: NormLayer;
  readonly #conv2: SplitAttentionConv2d;
  readonly #conv3: Conv2d;
  readonly #norm3: NormLayer;
  readonly #downsample: Shortcut | null = null;
  /** Of the pooling behind the 3x3 convolution; null: there is none. */
  readonly #poolStride: number | null;

  constructor(
    args: BlockArgs,
    { width, avgDownStride, ...split }: SplitArgs & { width: number; avgDownStride: boolean },
  ) {
    super();
    const { inplanes, planes, dilation, convCfg, normCfg } = args;
    this.initCfg = args.initCfg;
    const isCaffe = args.style === 'caffe';
    const stride2 = isCaffe ? 1 : args.stride;
    this.#poolStride = avgDownStride && stride2 > 1 ? stride2 : null;
    const pointwise = (name: string, inChannels: number, outChannels: number, stride: number): Conv2d =>
      this.addModule(
        name,
        buildConvLayer(convCfg, { inChannels, outChannels, kernelSize: 1, stride, bias: false }),
      );
    const norm = (postfix: number, channels: number): NormLayer => {
      const [name, layer] = buildNormLayer(normCfg, channels, postfix);
      return this.addModule(name, layer);
    };
    this.#conv1 = pointwise('conv1', inplanes, width, isCaffe ? args.stride : 1);
    this.#norm1 = norm(1, width);
    const stride = this.#poolStride === null ? stride2 : 1;
    const layers = { ...split, channels: width, stride, dilation, convCfg, normCfg };
    this.#conv2 = this.addModule('conv2', new SplitAttentionConv2d(layers));
    this.#conv3 = pointwise('conv3', width, planes * EXPANSION, 1);
    this.#norm3 = norm(3, planes * EXPANSION);
    if (args.downsample) this.#downsample = this.addModule('downsample', args.downsample);
  }

  /** @param x float32 [B, H, W, inplanes]; borrowed @returns new */
  forward(x: Tensor): Tensor {
    const residual = this.#downsample ? this.#downsample.forward(x) : x;
    const y = this.#conv2.forward(this.#norm1.forward(this.#conv1.forward(x), 'relu'));
    const stride = this.#poolStride;
    const pooled = stride === null ? y : avgPool2d(y, [3, 3], { stride: [stride, stride], padding: [1, 1] });
    return this.#norm3.forward(this.#conv3.forward(pooled), 'relu', residual);
  }

  override attribute(name: string): Module | undefined {
    const norms: Readonly<Record<string, Module>> = { norm1: this.#norm1, norm3: this.#norm3 };
    return norms[name] ?? super.attribute(name);
  }
}

interface SplitAttentionArgs extends SplitArgs {
  readonly channels: number;
  readonly stride: number;
  readonly dilation: number;
  readonly convCfg: LayerCfg;
  readonly normCfg: Readonly<Record<string, unknown>>;
}

/** A 3x3 convolution to `radix` splits, whose sum is weighted channel by channel by what their means say. */
export class SplitAttentionConv2d extends Module {
  override readonly className = 'SplitAttentionConv2d';
  readonly #conv: Conv2d;
  readonly #norm0: NormLayer;
  readonly #fc1: Conv2d;
  readonly #norm1: NormLayer;
  readonly #fc2: Conv2d;
  readonly #radix: number;
  readonly #groups: number;
  readonly #channels: number;

  constructor({ channels, groups, radix, reductionFactor, stride, dilation, ...cfgs }: SplitAttentionArgs) {
    super();
    this.#radix = radix;
    this.#groups = groups;
    this.#channels = channels;
    const inner = Math.max(Math.floor((channels * radix) / reductionFactor), 32);
    const norm = (postfix: number, width: number): NormLayer => {
      const [name, layer] = buildNormLayer(cfgs.normCfg, width, postfix);
      return this.addModule(name, layer);
    };
    const fc = (name: string, inChannels: number, outChannels: number): Conv2d =>
      this.addModule(name, buildConvLayer(null, { inChannels, outChannels, kernelSize: 1, groups }));
    this.#conv = this.addModule(
      'conv',
      buildConvLayer(cfgs.convCfg, {
        ...{ inChannels: channels, outChannels: channels * radix, groups: groups * radix, bias: false },
        ...{ kernelSize: 3, stride, padding: dilation, dilation },
      }),
    );
    this.#norm0 = norm(0, channels * radix);
    this.#fc1 = fc('fc1', channels, inner);
    this.#norm1 = norm(1, inner);
    this.#fc2 = fc('fc2', inner, channels * radix);
  }

  /** @param x float32 [B, H, W, channels]; borrowed @returns float32 [B, H', W', channels], new */
  forward(x: Tensor): Tensor {
    const [radix, channels] = [this.#radix, this.#channels];
    const y = this.#norm0.forward(this.#conv.forward(x), 'relu');
    const [batch, height, width] = take(y.shape, 3);
    const means = reshape(mean(y, [1, 2]), [batch, radix, channels]);
    const gap = reshape(sum(means, [1]), [batch, 1, 1, channels]);
    const logits = this.#fc2.forward(this.#norm1.forward(this.#fc1.forward(gap), 'relu'));
    if (radix === 1) return mul(y, sigmoid(logits));
    const splits = reshape(y, [batch, height * width, radix, channels]);
    const weighted = mul(splits, reshape(this.#attention(logits), [batch, 1, radix, channels]));
    return reshape(sum(weighted, [2]), [batch, height, width, channels]);
  }

  /**
   * Shares of the splits of each channel. Channels of the logits go by group, split, and channel of the group.
   * @returns float32 [batch, radix, channels]
   */
  #attention(logits: Tensor): Tensor {
    const [batch] = take(logits.shape, 1);
    const perGroup = this.#channels / this.#groups;
    const bySplit = reshape(logits, [batch * this.#groups, this.#radix, perGroup]);
    const shares = softmax(transpose(bySplit, [0, 2, 1]));
    return transpose(reshape(shares, [batch, this.#channels, this.#radix]), [0, 2, 1]);
  }
}

MODELS.registerModule()(ResNeSt);
