// SSD's further levels. Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016; mmdet 2.28.2 `models/necks/ssd_neck.py`.

import type { Tensor } from '../../gpu/index.ts';
import {
  ACT_CFG,
  convCfgArg,
  ConvModule,
  convOrDepthwise,
  INIT_CFG,
  L2Norm,
  Module,
  ModuleList,
  NORM_CFG,
  PlainSequential,
} from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  number,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { badValue } from '../backbones/backbone.ts';
import { checkLevels, countKind, inChannelsArg, type Neck } from './neck.ts';

const INIT = [
  { type: 'Xavier', distribution: 'uniform', layer: 'Conv2d' },
  { type: 'Constant', val: 1, layer: 'BatchNorm2d' },
];

const SSD_NECK_ARGS = declareArgs({
  in_channels: inChannelsArg,
  out_channels: required(
    listOf(countKind),
    'Channels of each output level; first those of the inputs.',
    'channels',
  ),
  level_strides: required(listOf(countKind), 'The stride of each further level.'),
  level_paddings: required(listOf(atLeast(int, 0)), 'The padding of each further level.', 'px'),
  l2_norm_scale: optional(
    orNone(number),
    20,
    "What the lengths of the first level's pixels start at; None or 0: they stay as they are.",
  ),
  last_kernel_size: optional(countKind, 3, 'Kernel of the last level.', 'px'),
  use_depthwise: optional(flag, false, 'Whether 3x3 convolutions are depthwise, with a 1x1 behind.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
  act_cfg: optional(orNone(ACT_CFG), { type: 'ReLU' }, 'The activation behind each convolution; None: none.'),
  init_cfg: optional(orNone(INIT_CFG), INIT, 'What weights start at.'),
});

type ExtraLayer = PlainSequential;

export class SSDNeck extends Module implements Neck {
  static readonly args = SSD_NECK_ARGS;
  static readonly part = 'neck';
  override readonly className = 'SSDNeck';
  readonly #inChannels: readonly number[];
  readonly #l2Norm: L2Norm | null = null;
  readonly #extraLayers: ModuleList<ExtraLayer>;

  constructor(given: ArgsOf<typeof SSD_NECK_ARGS>) {
    super();
    const args = withDefaults(SSD_NECK_ARGS, given);
    const { inChannels, outChannels, levelStrides, levelPaddings, convCfg, normCfg, actCfg } = args;
    checkCounts(args);
    this.#inChannels = inChannels;
    const initCfg = args.initCfg === null ? [] : [args.initCfg].flat();
    if (args.l2NormScale) {
      this.#l2Norm = this.addModule('l2_norm', new L2Norm(at(inChannels, 0), args.l2NormScale));
      initCfg.push({ type: 'Constant', val: args.l2NormScale, override: { name: 'l2_norm' } });
    }
    this.initCfg = initCfg;
    const layerCfgs = { convCfg, normCfg, actCfg };
    const layers = outChannels.slice(inChannels.length).map((channels, i) => {
      const half = Math.floor(channels / 2);
      const isLast = i === levelStrides.length - 1;
      return new PlainSequential([
        new ConvModule({
          ...layerCfgs,
          inChannels: at(outChannels, inChannels.length - 1 + i),
          outChannels: half,
          kernelSize: 1,
        }),
        convOrDepthwise(args.useDepthwise, {
          ...layerCfgs,
          inChannels: half,
          outChannels: channels,
          kernelSize: isLast ? args.lastKernelSize : 3,
          stride: at(levelStrides, i),
          padding: at(levelPaddings, i),
        }),
      ]);
    });
    this.#extraLayers = this.addModule('extra_layers', new ModuleList(layers));
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const outputs = [...inputs];
    if (this.#l2Norm) outputs[0] = this.#l2Norm.forward(at(inputs, 0));
    let level = at(outputs, outputs.length - 1);
    for (const layer of this.#extraLayers.items) outputs.push((level = layer.forward(level)));
    return outputs;
  }
}

interface Counts {
  readonly inChannels: readonly number[];
  readonly outChannels: readonly number[];
  readonly levelStrides: readonly number[];
  readonly levelPaddings: readonly number[];
}

function checkCounts({ inChannels, outChannels, levelStrides, levelPaddings }: Counts): void {
  const more = outChannels.length - inChannels.length;
  if (more < 1)
    throw badValue(
      `out_channels must have more entries than in_channels (${inChannels.length}), but has ${outChannels.length}`,
    );
  if (levelStrides.length !== more || levelPaddings.length !== more)
    throw badValue(
      `level_strides and level_paddings must have an entry for each further level (${more}), but have ${levelStrides.length} and ${levelPaddings.length}`,
    );
  if (inChannels.some((channels, i) => channels !== outChannels[i]))
    throw badValue(
      `out_channels must begin with in_channels (${inChannels.join(', ')}), but is ${outChannels.join(', ')}`,
    );
}

MODELS.registerModule()(SSDNeck);
