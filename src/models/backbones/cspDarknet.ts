// CSPDarknet (YOLOX). Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021"; mmdet 2.28.2 `models/backbones/csp_darknet.py`.

import { concat, maxPool2d, reshape, transpose, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  ACT_CFG,
  convCfgArg,
  ConvModule,
  convOrDepthwise,
  INIT_CFG,
  Module,
  NORM_CFG,
  PlainSequential,
} from '../../nn/index.ts';
import {
  above,
  anything,
  atLeast,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  number,
  oneOf,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import { take } from '../../util/at.ts';
import { roundHalfEven } from '../../util/roundHalfEven.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { badValue, checkIndices, evalNorms, normEvalHelp, runStages, type Backbone } from './backbone.ts';
import { CSP_ACT, CSP_INIT, CSP_NORM, CSPLayer, type CspCfgs } from './cspLayer.ts';

type StageSetting = readonly [number, number, number, boolean, boolean];

/** Channels in and out, blocks, whether blocks add their input, whether there is spatial pyramid pooling. */
const ARCHITECTURES: Readonly<Record<'P5' | 'P6', readonly StageSetting[]>> = {
  P5: [
    [64, 128, 3, true, false],
    [128, 256, 9, true, false],
    [256, 512, 9, true, false],
    [512, 1024, 3, false, true],
  ],
  P6: [
    [64, 128, 3, true, false],
    [128, 256, 9, true, false],
    [256, 512, 9, true, false],
    [512, 768, 3, true, false],
    [768, 1024, 3, false, true],
  ],
};

const CSP_DARKNET_ARGS = declareArgs({
  arch: optional(oneOf('P5', 'P6'), 'P5', 'How many stages: P5 has 4, P6 5.'),
  deepen_factor: optional(above(number, 0), 1, 'Numbers of blocks are multiplied by it.'),
  widen_factor: optional(above(number, 0), 1, 'Widths are multiplied by it.'),
  out_indices: optional(
    listOf(atLeast(int, 0)),
    [2, 3, 4],
    'Which parts give a feature map: 0 the stem, then the stages.',
  ),
  frozen_stages: optional(atLeast(int, -1), -1, 'Freeze the stem and so many stages; -1: nothing.', 'stages'),
  use_depthwise: optional(flag, false, 'Whether 3x3 convolutions are depthwise, with a 1x1 behind.'),
  arch_ovewrite: optional(
    orNone(listOf(listOf(anything))),
    null,
    'Instead of arch, for each stage: channels in and out, blocks, whether they add their input, whether there is pooling.',
  ),
  spp_kernal_sizes: optional(
    listOf(atLeast(int, 1)),
    [5, 9, 13],
    'Windows of spatial pyramid pooling.',
    'px',
  ),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), CSP_NORM, 'The norm behind each convolution.'),
  act_cfg: optional(orNone(ACT_CFG), CSP_ACT, 'The activation behind each convolution.'),
  norm_eval: optional(flag, false, normEvalHelp),
  init_cfg: optional(orNone(INIT_CFG), CSP_INIT, 'What weights start at.'),
});
type CspDarknetArgs = Complete<typeof CSP_DARKNET_ARGS>;

/** Each 2x2 pixels become one of four times as many channels, then a convolution. */
class Focus extends Module {
  override readonly className = 'Focus';
  readonly #conv: ConvModule;

  constructor(outChannels: number, cfgs: CspCfgs) {
    super();
    this.#conv = this.addModule(
      'conv',
      new ConvModule({ ...cfgs, inChannels: 12, outChannels, kernelSize: 3, padding: 1 }),
    );
  }

  forward(x: Tensor): Tensor {
    const [batch, height, width, channels] = take(x.shape, 4);
    if (height % 2 !== 0 || width % 2 !== 0)
      throw new ConfigError(`the picture's sides must be even, but they are ${height}x${width}`, {
        code: 'bad-size',
        path: 'model.backbone',
        hint: "add dict(type='Pad', size_divisor=32) to the pipelines",
      });
    // Channels of the upper left pixel first, then lower left, upper right, lower right.
    const rows = reshape(x, [(batch * height) / 2, 2, width, channels]);
    const columns = transpose(rows, [0, 2, 1, 3]);
    return this.#conv.forward(reshape(columns, [batch, height / 2, width / 2, 4 * channels]));
  }

  /** A plain PyTorch module: the backbone's init_cfg stands. */
  override async applyInitCfg(): Promise<void> {
    // See above.
  }
}

/** A 1x1 convolution to half the channels, maxima over windows of several sizes beside it, and a 1x1 convolution back. */
class SPPBottleneck extends Module {
  override readonly className = 'SPPBottleneck';
  readonly #conv1: ConvModule;
  readonly #conv2: ConvModule;
  readonly #windows: readonly number[];

  constructor(channels: number, windows: readonly number[], cfgs: CspCfgs) {
    super();
    const half = Math.floor(channels / 2);
    this.#windows = windows;
    this.#conv1 = this.addModule(
      'conv1',
      new ConvModule({ ...cfgs, inChannels: channels, outChannels: half, kernelSize: 1 }),
    );
    const inChannels = half * (windows.length + 1);
    this.#conv2 = this.addModule(
      'conv2',
      new ConvModule({ ...cfgs, inChannels, outChannels: channels, kernelSize: 1 }),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.#conv1.forward(x);
    const maxima = this.#windows.map((size) => {
      const padding = Math.floor(size / 2);
      return maxPool2d(y, [size, size], [1, 1], [padding, padding]);
    });
    return this.#conv2.forward(concat([y, ...maxima], 3));
  }
}

export class CSPDarknet extends Module implements Backbone {
  static readonly args = CSP_DARKNET_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'CSPDarknet';
  readonly #parts: readonly (Focus | PlainSequential)[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  constructor(given: ArgsOf<typeof CSP_DARKNET_ARGS>) {
    super();
    const args = withDefaults(CSP_DARKNET_ARGS, given);
    const { outIndices, frozenStages, widenFactor, convCfg, normCfg, actCfg } = args;
    const settings = args.archOvewrite?.length
      ? args.archOvewrite.map(stageSetting)
      : ARCHITECTURES[args.arch];
    checkIndices('out_indices', outIndices, settings.length + 1, 'the number of parts, ');
    if (frozenStages > settings.length)
      throw badValue(`frozen_stages must be -1 to ${settings.length}, but got ${frozenStages}`);
    this.initCfg = args.initCfg;
    this.#outIndices = outIndices;
    this.#frozenStages = frozenStages;
    this.#normEval = args.normEval;
    const cfgs = { convCfg, normCfg, actCfg };
    const [[first = 64] = []] = settings;
    const stem = this.addModule('stem', new Focus(Math.trunc(first * widenFactor), cfgs));
    const stages = settings.map((setting, i) =>
      this.addModule(`stage${i + 1}`, makeStage(setting, args, cfgs)),
    );
    this.#parts = [stem, ...stages];
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(3, x, 'backbone');
    return runStages(x, this.#parts, this.#outIndices);
  }

  override train(mode = true): this {
    super.train(mode);
    for (const part of this.#parts.slice(0, this.#frozenStages + 1)) part.eval().requiresGrad(false);
    if (mode && this.#normEval) evalNorms(this);
    return this;
  }
}

function makeStage(
  [from, to, blocks, addIdentity, hasPooling]: StageSetting,
  { widenFactor, deepenFactor, useDepthwise, sppKernalSizes }: CspDarknetArgs,
  cfgs: CspCfgs,
): PlainSequential {
  const [inChannels, outChannels] = [Math.trunc(from * widenFactor), Math.trunc(to * widenFactor)];
  const numBlocks = Math.max(roundHalfEven(blocks * deepenFactor), 1);
  return new PlainSequential([
    convOrDepthwise(useDepthwise, { ...cfgs, inChannels, outChannels, kernelSize: 3, stride: 2, padding: 1 }),
    ...(hasPooling ? [new SPPBottleneck(outChannels, sppKernalSizes, cfgs)] : []),
    new CSPLayer({ ...cfgs, inChannels: outChannels, outChannels, numBlocks, addIdentity, useDepthwise }),
  ]);
}

function stageSetting(row: readonly unknown[], i: number): StageSetting {
  const [from, to, blocks, addIdentity, hasPooling] = row;
  const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;
  if (row.length !== 5 || !isCount(from) || !isCount(to) || !isCount(blocks))
    throw badValue(
      `arch_ovewrite[${i}] must be channels in and out, blocks, and two flags, but got ${JSON.stringify(row)}`,
      'YOLOX begins with [64, 128, 3, True, False]',
    );
  return [from, to, blocks, Boolean(addIdentity), Boolean(hasPooling)];
}

MODELS.registerModule()(CSPDarknet);
