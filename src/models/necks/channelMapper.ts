// All levels brought to one width (Deformable DETR). Source: mmdet 2.28.2 `models/necks/channel_mapper.py`.

import type { Tensor } from '../../gpu/index.ts';
import { ACT_CFG, convCfgArg, ConvModule, INIT_CFG, Module, ModuleList, NORM_CFG } from '../../nn/index.ts';
import { declareArgs, MODELS, optional, orNone, withDefaults, type ArgsOf } from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { checkLevels, countKind, inChannelsArg, outChannelsArg, type Neck } from './neck.ts';

const CHANNEL_MAPPER_ARGS = declareArgs({
  in_channels: inChannelsArg,
  out_channels: outChannelsArg,
  kernel_size: optional(countKind, 3, 'Kernel of the convolutions.', 'px'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
  act_cfg: optional(orNone(ACT_CFG), { type: 'ReLU' }, 'The activation behind each convolution; None: none.'),
  num_outs: optional(orNone(countKind), null, 'How many levels come out; None: as many as go in.', 'levels'),
  init_cfg: optional(
    orNone(INIT_CFG),
    { type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' },
    'What weights start at.',
  ),
});

export class ChannelMapper extends Module implements Neck {
  static readonly args = CHANNEL_MAPPER_ARGS;
  static readonly part = 'neck';
  override readonly className = 'ChannelMapper';
  readonly #inChannels: readonly number[];
  readonly #convs: ModuleList<ConvModule>;
  readonly #extraConvs: ModuleList<ConvModule> | null = null;

  constructor(given: ArgsOf<typeof CHANNEL_MAPPER_ARGS>) {
    super();
    const args = withDefaults(CHANNEL_MAPPER_ARGS, given);
    const { inChannels, outChannels, kernelSize, convCfg, normCfg, actCfg } = args;
    this.initCfg = args.initCfg;
    this.#inChannels = inChannels;
    const common = { outChannels, convCfg, normCfg, actCfg };
    const padding = Math.floor((kernelSize - 1) / 2);
    const convs = inChannels.map(
      (channels) => new ConvModule({ ...common, inChannels: channels, kernelSize, padding }),
    );
    this.#convs = this.addModule('convs', new ModuleList(convs));
    const more = (args.numOuts ?? inChannels.length) - inChannels.length;
    if (more <= 0) return;
    const extra = Array.from({ length: more }, (_, i) => {
      const channels = i === 0 ? at(inChannels, inChannels.length - 1) : outChannels;
      return new ConvModule({ ...common, inChannels: channels, kernelSize: 3, stride: 2, padding: 1 });
    });
    this.#extraConvs = this.addModule('extra_convs', new ModuleList(extra));
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const outputs = this.#convs.items.map((conv, i) => conv.forward(at(inputs, i)));
    // The first further level is made of the last input, each other one of the level before it.
    let source = at(inputs, inputs.length - 1);
    for (const conv of this.#extraConvs?.items ?? []) outputs.push((source = conv.forward(source)));
    return outputs;
  }
}

MODELS.registerModule()(ChannelMapper);
