// Res2Net. Source: Gao et al., "Res2Net: A New Multi-scale Backbone Architecture", 2019; mmdet 2.28.2 `models/backbones/res2net.py`.

import { add, avgPool2d, concat, slice, type Tensor } from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  Module,
  ModuleList,
  type Conv2d,
  type NormLayer,
} from '../../nn/index.ts';
import {
  above,
  atLeast,
  declareArgs,
  int,
  MODELS,
  number,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at, take } from '../../util/at.ts';
import type { BlockArgs, ResBlock, Shortcut } from './resBlocks.ts';
import { doublingDesign, STAGE_BLOCKS } from './resnet.ts';
import { RESNET_TABLE, ResNetBase } from './resnetBase.ts';
import { warnOfZeroInit } from './resnext.ts';

const { style, deep_stem, avg_down, pretrained, init_cfg, ...MORE } = RESNET_TABLE;

const RES2NET_ARGS = declareArgs({
  scales: optional(atLeast(int, 2), 4, 'Parts into which the channels of a block are split.', 'parts'),
  base_width: optional(above(number, 0), 26, 'Channels of a part in the first stage.', 'channels'),
  style,
  deep_stem: { ...deep_stem, default: true },
  avg_down: { ...avg_down, default: true },
  pretrained,
  init_cfg,
  depth: required(oneOf(50, 101, 152), 'How many layers it has.', 'layers'),
  ...MORE,
});

export class Res2Net extends ResNetBase {
  static readonly args = RES2NET_ARGS;
  override readonly className = 'Res2Net';

  constructor(given: ArgsOf<typeof RES2NET_ARGS>, context?: BuildContext) {
    const { scales, baseWidth, ...complete } = withDefaults(RES2NET_ARGS, given);
    // Whatever the config says, as in MMDetection.
    const args = { ...complete, style: 'pytorch', deepStem: true, avgDown: true } as const;
    warnOfZeroInit('Res2Net', given.zeroInitResidual, context);
    for (const [key, value] of [
      ['style', complete.style === 'pytorch'],
      ['deep_stem', complete.deepStem],
      ['avg_down', complete.avgDown],
    ] as const) {
      if (!value)
        context?.report({
          severity: 'warning',
          code: 'no-effect',
          path: key,
          message: `Res2Net: ${key} changes nothing, as in MMDetection 2.28.2: style is 'pytorch', deep_stem and avg_down are True`,
          hint: 'take it away',
        });
    }
    const share = baseWidth / args.baseChannels;
    const block = {
      expansion: EXPANSION,
      lastNorm: null,
      build: (one: BlockArgs) => new Bottle2neck(one, scales, Math.floor(one.planes * share)),
    };
    const design = doublingDesign(args, STAGE_BLOCKS[args.depth], block);
    super('Res2Net', { ...args, stemChannels: args.stemChannels ?? args.baseChannels }, design, context);
  }
}

const EXPANSION = 4;

/**
 * A bottleneck whose 3x3 convolution is one for each part of the channels: each gets the result of the one before it, too.
 * The first of a stage has them side by side, as its stride leaves nothing to add.
 */
class Bottle2neck extends Module implements ResBlock {
  override readonly className = 'Bottle2neck';
  readonly #conv1: Conv2d;
  readonly #norm1: NormLayer;
  readonly #convs: ModuleList<Conv2d>;
  readonly #norms: readonly NormLayer[];
  readonly #conv3: Conv2d;
  readonly #norm3: NormLayer;
  readonly #downsample: Shortcut | null = null;
  readonly #width: number;
  readonly #stride: number;
  readonly #isFirst: boolean;

  constructor(args: BlockArgs, scales: number, width: number) {
    super();
    const { inplanes, planes, stride, dilation, convCfg, normCfg } = args;
    this.initCfg = args.initCfg;
    this.#width = width;
    this.#stride = stride;
    this.#isFirst = args.isFirst;
    const pointwise = (name: string, inChannels: number, outChannels: number): Conv2d =>
      this.addModule(name, buildConvLayer(convCfg, { inChannels, outChannels, kernelSize: 1, bias: false }));
    const norm = (postfix: number, channels: number): NormLayer => {
      const [name, layer] = buildNormLayer(normCfg, channels, postfix);
      return this.addModule(name, layer);
    };
    this.#conv1 = pointwise('conv1', inplanes, width * scales);
    this.#norm1 = norm(1, width * scales);
    this.#conv3 = pointwise('conv3', width * scales, planes * EXPANSION);
    this.#norm3 = norm(3, planes * EXPANSION);
    if (args.downsample) this.#downsample = this.addModule('downsample', args.downsample);
    const parts = Array.from({ length: scales - 1 });
    const convs = parts.map(() =>
      buildConvLayer(convCfg, {
        ...{ inChannels: width, outChannels: width, kernelSize: 3, bias: false },
        ...{ stride, padding: dilation, dilation },
      }),
    );
    this.#convs = this.addModule('convs', new ModuleList(convs));
    this.#norms = parts.map(() => buildNormLayer(normCfg, width)[1]);
    this.addModule('bns', new ModuleList(this.#norms));
  }

  /** @param x float32 [B, H, W, inplanes]; borrowed @returns new */
  forward(x: Tensor): Tensor {
    const residual = this.#downsample ? this.#downsample.forward(x) : x;
    const wide = this.#norm1.forward(this.#conv1.forward(x), 'relu');
    const [batch, height, width] = take(wide.shape, 3);
    const part = (i: number): Tensor =>
      slice(wide, [0, 0, 0, i * this.#width], [batch, height, width, this.#width]);
    const done: Tensor[] = [];
    this.#convs.items.forEach((conv, i) => {
      const before = done.at(-1);
      const input = before && !this.#isFirst ? add(before, part(i)) : part(i);
      done.push(at(this.#norms, i).forward(conv.forward(input), 'relu'));
    });
    const last = part(this.#convs.items.length);
    const isPooled = this.#isFirst && this.#stride !== 1;
    const stride = [this.#stride, this.#stride] as const;
    done.push(isPooled ? avgPool2d(last, [3, 3], { stride, padding: [1, 1] }) : last);
    return this.#norm3.forward(this.#conv3.forward(concat(done, 3)), 'relu', residual);
  }

  override attribute(name: string): Module | undefined {
    const norms: Readonly<Record<string, Module>> = { norm1: this.#norm1, norm3: this.#norm3 };
    return norms[name] ?? super.attribute(name);
  }
}

MODELS.registerModule()(Res2Net);
