// HRNet. Source: Wang et al., "Deep High-Resolution Representation Learning", 2019; mmdet 2.28.2 `models/backbones/hrnet.py`.

import { add, addRelu, type Tensor } from '../../gpu/index.ts';
import type { Sequential } from '../../nn/index.ts';
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
  atLeast,
  declareArgs,
  dictOf,
  flag,
  int,
  listOf,
  MODELS,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { checkInputChannels } from '../inputChannels.ts';
import {
  backboneInitCfg,
  badValue,
  evalNorms,
  normEvalHelp,
  pretrainedArg,
  warnOfCp,
  withCpArg,
  type Backbone,
} from './backbone.ts';
import { fuseLayer, SparseList, transitionLayer, type FuseLayer, type LayerCfgs } from './hrLayers.ts';
import { BASIC_BLOCK, BOTTLENECK, ResLayer, type BlockDesign, type ResBlock } from './resBlocks.ts';
import { warnOfZeroInit } from './resnext.ts';

const count = atLeast(int, 1);

const STAGE = dictOf(
  declareArgs({
    num_modules: required(count, 'How often its branches are joined.', 'modules'),
    num_branches: required(count, 'How many resolutions it has.', 'branches'),
    block: required(oneOf('BASIC', 'BOTTLENECK'), 'The kind of its residual blocks.'),
    num_blocks: required(listOf(count), 'Blocks of each branch.'),
    num_channels: required(listOf(count), 'Channels of each branch.', 'channels'),
  }),
);

const HRNET_ARGS = declareArgs({
  extra: required(
    dictOf(
      declareArgs({
        stage1: required(STAGE, 'One branch, a quarter of the picture.'),
        stage2: required(STAGE, 'Two branches, from here on each half of the one before it.'),
        stage3: required(STAGE, 'Three branches.'),
        stage4: required(STAGE, 'Four branches.'),
      }),
    ),
    'The four stages.',
  ),
  in_channels: optional(count, 3, 'Channels of the picture.', 'channels'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(NORM_CFG, { type: 'BN' }, 'The norm behind each convolution.'),
  norm_eval: optional(flag, true, normEvalHelp),
  with_cp: withCpArg,
  zero_init_residual: optional(flag, false, 'Changes nothing, as in MMDetection 2.28.2.'),
  multiscale_output: optional(flag, true, 'Whether all branches give a feature map, or the first only.'),
  pretrained: pretrainedArg,
  init_cfg: initCfgArg,
});

interface StageCfg {
  readonly num_modules: number;
  readonly num_branches: number;
  readonly block: 'BASIC' | 'BOTTLENECK';
  readonly num_blocks: readonly number[];
  readonly num_channels: readonly number[];
}

const BLOCKS: Readonly<Record<StageCfg['block'], BlockDesign>> = {
  BASIC: BASIC_BLOCK,
  BOTTLENECK,
};

const STEM_CHANNELS = 64;

export class HRNet extends Module implements Backbone {
  static readonly args = HRNET_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'HRNet';
  readonly #stem: readonly { readonly conv: Conv2d; readonly norm: NormLayer }[];
  readonly #layer1: Sequential;
  readonly #transitions: readonly SparseList[];
  readonly #stages: readonly HRStage[];
  readonly #normEval: boolean;

  constructor(given: ArgsOf<typeof HRNET_ARGS>, context?: BuildContext) {
    super();
    const args = withDefaults(HRNET_ARGS, given);
    const { extra, inChannels, convCfg, normCfg } = args;
    warnOfCp('HRNet', args.withCp, context);
    warnOfZeroInit('HRNet', args.zeroInitResidual, context);
    this.initCfg = backboneInitCfg(args);
    this.#normEval = args.normEval;
    const [first, ...later]: StageCfg[] = [extra.stage1, extra.stage2, extra.stage3, extra.stage4];
    [first, ...later].forEach((stage, i) => stage && checkStage(stage, i + 1));
    const cfgs = { convCfg, normCfg };
    this.#stem = [inChannels, STEM_CHANNELS].map((channels, i) => this.#stemLayer(channels, i + 1, cfgs));
    const { block, num_channels: widths, num_blocks: blocks } = extra.stage1;
    const layer1 = branch(BLOCKS[block], STEM_CHANNELS, at(widths, 0), at(blocks, 0), cfgs);
    this.#layer1 = this.addModule('layer1', layer1);
    let before: readonly number[] = [at(widths, 0) * BLOCKS[block].expansion];
    const transitions: SparseList[] = [];
    this.#stages = later.map((stage, i) => {
      const channels = outChannels(stage);
      transitions.push(this.addModule(`transition${i + 1}`, transitionLayer(before, channels, cfgs)));
      before = channels;
      const joinsAll = args.multiscaleOutput || i < later.length - 1;
      return this.addModule(`stage${i + 2}`, new HRStage(stage, joinsAll, cfgs));
    });
    this.#transitions = transitions;
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(at(this.#stem, 0).conv.inChannels, x, 'backbone.in_channels');
    const stem = this.#stem.reduce((value, { conv, norm }) => norm.forward(conv.forward(value), 'relu'), x);
    return this.#stages.reduce(
      (branches, stage, i) => stage.forward(at(this.#transitions, i).spread(branches)),
      [this.#layer1.forward(stem)],
    );
  }

  override train(mode = true): this {
    super.train(mode);
    if (mode && this.#normEval) evalNorms(this);
    return this;
  }

  override attribute(name: string): Module | undefined {
    const index = /^norm([12])$/.exec(name)?.[1];
    return index === undefined ? super.attribute(name) : this.#stem[Number(index) - 1]?.norm;
  }

  #stemLayer(
    inChannels: number,
    postfix: number,
    { convCfg, normCfg }: LayerCfgs,
  ): { conv: Conv2d; norm: NormLayer } {
    const conv = buildConvLayer(convCfg, {
      ...{ inChannels, outChannels: STEM_CHANNELS },
      ...{ kernelSize: 3, stride: 2, padding: 1, bias: false },
    });
    this.addModule(`conv${postfix}`, conv);
    const [name, norm] = buildNormLayer(normCfg, STEM_CHANNELS, postfix);
    return { conv, norm: this.addModule(name, norm) };
  }
}

function outChannels({ block, num_channels: channels }: StageCfg): number[] {
  return channels.map((width) => width * BLOCKS[block].expansion);
}

/** Residual blocks in a row, of one resolution. */
function branch(
  block: BlockDesign,
  inplanes: number,
  planes: number,
  numBlocks: number,
  cfgs: LayerCfgs,
): ResLayer {
  return new ResLayer({
    ...{ block, inplanes, planes, numBlocks, ...cfgs },
    ...{ stride: 1, dilation: 1, style: 'pytorch', avgDown: false, initCfg: null },
  });
}

/** Modules in a row. */
class HRStage extends Module {
  override readonly className = 'Sequential';
  readonly #modules: readonly HRModule[];

  /** @param joinsAll false: the last module gives the first branch only */
  constructor(stage: StageCfg, joinsAll: boolean, cfgs: LayerCfgs) {
    super();
    this.#modules = Array.from({ length: stage.num_modules }, (_, i) => {
      const isFull = joinsAll || i < stage.num_modules - 1;
      return this.addModule(String(i), new HRModule(stage, isFull, cfgs));
    });
  }

  forward(branches: readonly Tensor[]): Tensor[] {
    return this.#modules.reduce<Tensor[]>((value, module) => module.forward(value), [...branches]);
  }
}

/** Branches of several resolutions side by side, then each one the sum of all. */
class HRModule extends Module {
  override readonly className = 'HRModule';
  readonly #branches: readonly ResBlock[];
  readonly #fuse: readonly (readonly (FuseLayer | null)[])[];

  constructor(stage: StageCfg, isFull: boolean, cfgs: LayerCfgs) {
    super();
    const channels = outChannels(stage);
    const branches = stage.num_channels.map((planes, i) =>
      branch(BLOCKS[stage.block], at(channels, i), planes, at(stage.num_blocks, i), cfgs),
    );
    this.addModule('branches', new BranchList(branches));
    this.#branches = branches;
    const outs = channels.length === 1 ? [] : channels.slice(0, isFull ? undefined : 1);
    const fuse = outs.map((_, i) => channels.map((__, j) => fuseLayer(channels, j, i, cfgs)));
    if (fuse.length > 0)
      this.addModule('fuse_layers', new SparseList(fuse.map((layers) => new SparseList(layers))));
    this.#fuse = fuse;
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    const branches = this.#branches.map((layer, i) => layer.forward(at(inputs, i)));
    if (this.#fuse.length === 0) return branches;
    return this.#fuse.map((layers, i) => {
      const target = at(branches, i);
      const parts = layers.map((layer, j) => layer?.forward(at(branches, j), target) ?? target);
      const sum = parts.slice(0, -1).reduce((total, y) => add(total, y));
      return addRelu(sum, at(parts, parts.length - 1));
    });
  }
}

/** MMCV's `ModuleList`, whose `init_cfg`s are looked at. */
class BranchList extends Module {
  override readonly className = 'ModuleList';

  constructor(items: readonly Module[]) {
    super();
    items.forEach((item, i) => this.addModule(String(i), item));
  }
}

function checkStage(stage: StageCfg, number: number): void {
  const { num_branches: branches, num_blocks: blocks, num_channels: channels } = stage;
  const wanted = number === 1 ? 1 : branches;
  if (blocks.length !== branches || channels.length !== branches || branches !== wanted)
    throw badValue(
      `extra.stage${number} must have ${number === 1 ? 'one branch, with' : 'for each branch'} an entry in num_blocks and num_channels, but it has num_branches=${branches}, ${blocks.length} and ${channels.length}`,
    );
}

MODELS.registerModule()(HRNet);
