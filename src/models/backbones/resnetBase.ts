// What ResNets of all kinds have in common: stem, stages of residual blocks, freezing.
// Source: mmdet 2.28.2 `models/backbones/resnet.py`.

import { maxPool2d, type Tensor } from '../../gpu/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  convCfgArg,
  ConvNormSequential,
  initCfgArg,
  Module,
  NORM_CFG,
  type Conv2d,
  type LayerCfg,
} from '../../nn/index.ts';
import {
  absent,
  anything,
  atLeast,
  between,
  flag,
  int,
  listOf,
  oneOf,
  optional,
  orNone,
  unsupported,
  type BuildContext,
  type Complete,
  type DeclaredArgs,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { checkInputChannels } from '../inputChannels.ts';
import {
  backboneInitCfg,
  badValue,
  checkIndices,
  evalNorms,
  normEvalHelp,
  pretrainedArg,
  runStages,
  warnOfCp,
  withCpArg,
  type Backbone,
  type BackboneStage,
} from './backbone.ts';
import { ResLayer, type BlockDesign } from './resBlocks.ts';

const count = atLeast(int, 1);

/** Arguments of every kind, in MMDetection's order. */
export const RESNET_TABLE = {
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
  deep_stem: optional(flag, false, 'Three 3x3 convolutions instead of the 7x7.'),
  avg_down: optional(flag, false, 'Pooling instead of strides beside the blocks.'),
  frozen_stages: optional(atLeast(int, -1), -1, 'Freeze the stem and so many stages; -1: nothing.', 'stages'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(NORM_CFG, { type: 'BN', requires_grad: true }, 'The norm behind each convolution.'),
  norm_eval: optional(flag, true, normEvalHelp),
  dcn: absent(unsupported(), 'Deformable convolutions.'),
  stage_with_dcn: absent(anything, 'Which stages have deformable convolutions.'),
  plugins: absent(unsupported(), 'Further layers inside the blocks.'),
  with_cp: withCpArg,
  zero_init_residual: optional(
    flag,
    true,
    'Whether the last norm of each block starts at 0, so that blocks begin as identities.',
  ),
  pretrained: pretrainedArg,
  init_cfg: initCfgArg,
} as const;

export type ResNetTable = Complete<DeclaredArgs<typeof RESNET_TABLE>>;

/** What a kind of ResNet is made of. */
export interface ResNetDesign {
  readonly stages: readonly StageDesign[];
  /** Of the first convolution: 7x7 and pooling, three 3x3 and pooling, or RegNet's one 3x3. */
  readonly stem: 'plain' | 'deep' | 'small';
}

export interface StageDesign {
  readonly block: BlockDesign;
  readonly numBlocks: number;
  readonly planes: number;
}

/** The arguments that the stages are built by. */
type BaseArgs = Omit<ResNetTable, 'baseChannels' | 'numStages' | 'stemChannels' | 'deepStem'> & {
  readonly stemChannels: number;
};

export abstract class ResNetBase extends Module implements Backbone {
  static readonly part = 'backbone';
  readonly #stem: Stem;
  readonly #stages: readonly ResLayer[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  protected constructor(name: string, args: BaseArgs, design: ResNetDesign, context?: BuildContext) {
    super();
    const { inChannels, stemChannels, style, strides, dilations, convCfg, normCfg, avgDown } = args;
    checkArgs(args, design.stages.length);
    warnOfCp(name, args.withCp, context);
    this.#outIndices = args.outIndices;
    this.#frozenStages = args.frozenStages;
    this.#normEval = args.normEval;
    this.initCfg = backboneInitCfg(args);
    const startsAnew = args.initCfg === null && args.pretrained === null;
    const stem = { inChannels, stemChannels, convCfg, normCfg };
    this.#stem = design.stem === 'deep' ? deepStem(this, stem) : plainStem(this, stem, design.stem);
    let inplanes = stemChannels;
    this.#stages = design.stages.map(({ block, numBlocks, planes }, i) => {
      const zeroed = startsAnew && args.zeroInitResidual ? block.lastNorm : null;
      const stage = new ResLayer({
        block,
        numBlocks,
        inplanes,
        planes,
        stride: at(strides, i),
        dilation: at(dilations, i),
        style,
        avgDown,
        convCfg,
        normCfg,
        initCfg: zeroed === null ? null : { type: 'Constant', val: 0, override: { name: zeroed } },
      });
      inplanes = planes * block.expansion;
      return this.addModule(`layer${i + 1}`, stage);
    });
    this.#freeze();
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(this.#stem.first.inChannels, x, 'backbone.in_channels');
    const outIndices = this.#outIndices.map((i) => i + 1);
    return runStages(x, [this.#stem, ...this.#stages], outIndices);
  }

  override train(mode = true): this {
    super.train(mode);
    this.#freeze();
    if (mode && this.#normEval) evalNorms(this);
    return this;
  }

  override attribute(name: string): Module | undefined {
    return name === 'norm1' ? this.#stem.modules[1] : super.attribute(name);
  }

  #freeze(): void {
    if (this.#frozenStages < 0) return;
    for (const module of this.#stem.modules) module.eval().requiresGrad(false);
    for (const stage of this.#stages.slice(0, this.#frozenStages)) stage.eval().requiresGrad(false);
  }
}

interface Stem extends BackboneStage {
  readonly modules: readonly Module[];
  readonly first: Conv2d;
}

interface StemArgs {
  readonly inChannels: number;
  readonly stemChannels: number;
  readonly convCfg: LayerCfg;
  readonly normCfg: Readonly<Record<string, unknown>>;
}

const pool = (x: Tensor): Tensor => maxPool2d(x, [3, 3], [2, 2], [1, 1]);

function plainStem(net: Module, args: StemArgs, size: 'plain' | 'small'): Stem {
  const { inChannels, stemChannels, convCfg, normCfg } = args;
  const kernelSize = size === 'plain' ? 7 : 3;
  const conv = buildConvLayer(convCfg, {
    inChannels,
    outChannels: stemChannels,
    kernelSize,
    stride: 2,
    padding: (kernelSize - 1) / 2,
    bias: false,
  });
  const [name, norm] = buildNormLayer(normCfg, stemChannels, 1);
  net.addModule('conv1', conv);
  net.addModule(name, norm);
  const forward = (x: Tensor): Tensor => norm.forward(conv.forward(x), 'relu');
  return {
    modules: [conv, norm],
    first: conv,
    parameters: () => [...conv.parameters(), ...norm.parameters()],
    forward: size === 'plain' ? (x) => pool(forward(x)) : forward,
  };
}

function deepStem(net: Module, { inChannels, stemChannels, convCfg, normCfg }: StemArgs): Stem {
  const half = Math.floor(stemChannels / 2);
  const conv = (from: number, to: number, stride: number): Conv2d =>
    buildConvLayer(convCfg, {
      inChannels: from,
      outChannels: to,
      kernelSize: 3,
      stride,
      padding: 1,
      bias: false,
    });
  const first = conv(inChannels, half, 2);
  const activation = 'relu';
  const stem = new ConvNormSequential([
    { conv: first, norm: buildNormLayer(normCfg, half)[1], activation },
    { conv: conv(half, half, 1), norm: buildNormLayer(normCfg, half)[1], activation },
    { conv: conv(half, stemChannels, 1), norm: buildNormLayer(normCfg, stemChannels)[1], activation },
  ]);
  net.addModule('stem', stem);
  return {
    modules: [stem],
    first,
    parameters: () => stem.parameters(),
    forward: (x) => pool(stem.forward(x)),
  };
}

function checkArgs({ strides, dilations, outIndices, frozenStages }: BaseArgs, numStages: number): void {
  if (strides.length !== numStages || dilations.length !== numStages)
    throw badValue(
      `strides and dilations must have num_stages=${numStages} entries, but got ${strides.length} and ${dilations.length}`,
    );
  checkIndices('out_indices', outIndices, numStages, 'num_stages=');
  if (frozenStages > numStages)
    throw badValue(`frozen_stages must be -1 to num_stages=${numStages}, but got ${frozenStages}`);
}
