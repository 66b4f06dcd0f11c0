// ResNet. Source: mmdet 2.28.2 `models/backbones/resnet.py`.

import { maxPool2d, noGrad, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  convCfgArg,
  initCfgArg,
  Module,
  NORM_CFG,
  type Conv2d,
  type NormLayer,
} from '../../nn/index.ts';
import {
  absent,
  anything,
  atLeast,
  between,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  oneOf,
  optional,
  orNone,
  required,
  str,
  unsupported,
  withDefaults,
  type ArgsOf,
  type BuildContext,
  type Complete,
} from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { BasicBlock, Bottleneck, ResLayer, type BlockType } from './resBlocks.ts';
import { at } from '../../util/at.ts';

/** Pictures in, a pyramid of feature maps out. */
export interface Backbone extends Module {
  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H / s, W / s, C'] for each of `out_indices` */
  forward(x: Tensor): Tensor[];
}

const ARCHITECTURES = {
  18: [BasicBlock, [2, 2, 2, 2]],
  34: [BasicBlock, [3, 4, 6, 3]],
  50: [Bottleneck, [3, 4, 6, 3]],
  101: [Bottleneck, [3, 4, 23, 3]],
  152: [Bottleneck, [3, 8, 36, 3]],
} as const satisfies Readonly<Record<number, readonly [BlockType, readonly number[]]>>;

const count = atLeast(int, 1);

const RESNET_ARGS = declareArgs({
  depth: required(oneOf(18, 34, 50, 101, 152), 'How many layers it has.', 'layers'),
  in_channels: optional(count, 3, 'Channels of the picture.', 'channels'),
  stem_channels: optional(
    orNone(count),
    null,
    'Channels of the first layer; None: base_channels.',
    'channels',
  ),
  base_channels: optional(
    count,
    64,
    'Channels of the first stage; each further one has twice as many.',
    'channels',
  ),
  num_stages: optional(between(int, 1, 4), 4, 'How many stages are built.', 'stages'),
  strides: optional(listOf(count), [1, 2, 2, 2], 'The stride of each stage.'),
  dilations: optional(listOf(count), [1, 1, 1, 1], 'The dilation of each stage.'),
  out_indices: optional(listOf(atLeast(int, 0)), [0, 1, 2, 3], 'Which stages give a feature map, from 0 on.'),
  style: optional(
    oneOf('pytorch', 'caffe'),
    'pytorch',
    'Which convolution of a bottleneck has the stride: the 3x3, or the first 1x1.',
  ),
  deep_stem: absent(unsupported(false), 'Three 3x3 convolutions instead of the 7x7.'),
  avg_down: absent(unsupported(false), 'Pooling instead of strides beside the blocks.'),
  frozen_stages: optional(atLeast(int, -1), -1, 'Freeze the stem and so many stages; -1: nothing.', 'stages'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(NORM_CFG, { type: 'BN', requires_grad: true }, 'The norm behind each convolution.'),
  norm_eval: optional(flag, true, 'Whether the running statistics of batch norm stay as they are.'),
  dcn: absent(unsupported(), 'Deformable convolutions.'),
  stage_with_dcn: absent(anything, 'Which stages have deformable convolutions.'),
  plugins: absent(unsupported(), 'Further layers inside the blocks.'),
  with_cp: optional(flag, false, 'Changes nothing: activations are kept instead of computed again.'),
  zero_init_residual: optional(
    flag,
    true,
    'Whether the last norm of each block starts at 0, so that blocks begin as identities.',
  ),
  pretrained: optional(orNone(str), null, "Deprecated: init_cfg's checkpoint."),
  init_cfg: initCfgArg,
});
type ResNetArgs = Complete<typeof RESNET_ARGS>;

export class ResNet extends Module implements Backbone {
  static readonly args = RESNET_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'ResNet';
  readonly #conv1: Conv2d;
  readonly #norm1: NormLayer;
  readonly #stages: readonly ResLayer[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  constructor(given: ArgsOf<typeof RESNET_ARGS>, context?: BuildContext) {
    super();
    const args = withDefaults(RESNET_ARGS, given);
    const { depth, inChannels, baseChannels, numStages, style, strides, dilations, convCfg, normCfg } = args;
    checkArgs(args);
    if (args.withCp)
      context?.services.warn(
        'ResNet: with_cp=True is ignored; activations are kept instead of computed again',
      );
    const [block, blockCounts]: readonly [BlockType, readonly number[]] = ARCHITECTURES[depth];
    this.#outIndices = args.outIndices;
    this.#frozenStages = args.frozenStages;
    this.#normEval = args.normEval;
    this.initCfg = resolveInitCfg(args);
    const isDefaultInit = args.initCfg === null && args.pretrained === null;
    const zeroInit = isDefaultInit && args.zeroInitResidual;
    const blockInitCfg = zeroInit ? { type: 'Constant', val: 0, override: { name: block.lastNorm } } : null;

    const stemChannels = args.stemChannels ?? baseChannels;
    const stem = { inChannels, outChannels: stemChannels, kernelSize: 7, stride: 2, padding: 3, bias: false };
    this.#conv1 = this.addModule('conv1', buildConvLayer(convCfg, stem));
    const [normName, norm1] = buildNormLayer(normCfg, stemChannels, 1);
    this.#norm1 = this.addModule(normName, norm1);
    let inplanes = stemChannels;
    this.#stages = blockCounts.slice(0, numStages).map((numBlocks, i) => {
      const planes = baseChannels * 2 ** i;
      const stage = new ResLayer({
        block,
        numBlocks,
        inplanes,
        planes,
        stride: at(strides, i),
        dilation: at(dilations, i),
        style,
        convCfg,
        normCfg,
        initCfg: blockInitCfg,
      });
      inplanes = planes * block.expansion;
      return this.addModule(`layer${i + 1}`, stage);
    });
    this.#freeze();
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(this.#conv1.inChannels, x, 'backbone.in_channels');
    // Nothing is recorded below the first part that needs a gradient. A hook may have thawed what was frozen.
    let isFrozen = !isTrainable(this.#conv1) && !isTrainable(this.#norm1);
    let y = isFrozen ? noGrad(() => this.#forwardStem(x)) : this.#forwardStem(x);
    const outputs: Tensor[] = [];
    this.#stages.forEach((stage, i) => {
      const input = y;
      isFrozen &&= !isTrainable(stage);
      y = isFrozen ? noGrad(() => stage.forward(input)) : stage.forward(input);
      if (this.#outIndices.includes(i)) outputs.push(y);
    });
    return outputs;
  }

  override train(mode = true): this {
    super.train(mode);
    this.#freeze();
    if (mode && this.#normEval) {
      for (const [, module] of this.namedModules())
        if (module.baseNames.includes('_BatchNorm')) module.eval();
    }
    return this;
  }

  override attribute(name: string): Module | undefined {
    return name === 'norm1' ? this.#norm1 : super.attribute(name);
  }

  #forwardStem(x: Tensor): Tensor {
    return maxPool2d(this.#norm1.forward(this.#conv1.forward(x), 'relu'), [3, 3], [2, 2], [1, 1]);
  }

  #freeze(): void {
    if (this.#frozenStages < 0) return;
    this.#norm1.eval();
    this.#conv1.requiresGrad(false);
    this.#norm1.requiresGrad(false);
    for (const stage of this.#stages.slice(0, this.#frozenStages)) stage.eval().requiresGrad(false);
  }
}

const isTrainable = (module: Module): boolean =>
  module.parameters().some((parameter) => parameter.requiresGrad);

function checkArgs({ numStages, strides, dilations, outIndices, frozenStages }: ResNetArgs): void {
  if (strides.length !== numStages || dilations.length !== numStages)
    throw bad(
      `strides and dilations must have num_stages=${numStages} entries, but got ${strides.length} and ${dilations.length}`,
    );
  const outOfRange = outIndices.find((i) => i >= numStages);
  if (outOfRange !== undefined)
    throw bad(`out_indices must be below num_stages=${numStages}, but got ${outOfRange}`);
  if (frozenStages > numStages)
    throw bad(`frozen_stages must be -1 to num_stages=${numStages}, but got ${frozenStages}`);
}

function resolveInitCfg({ initCfg, pretrained }: ResNetArgs): unknown {
  if (initCfg !== null && pretrained !== null) throw bad('init_cfg and pretrained must not be given both');
  if (pretrained !== null) return { type: 'Pretrained', checkpoint: pretrained };
  return (
    initCfg ?? [
      { type: 'Kaiming', layer: 'Conv2d' },
      { type: 'Constant', val: 1, layer: ['_BatchNorm', 'GroupNorm'] },
    ]
  );
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

MODELS.registerModule()(ResNet);
