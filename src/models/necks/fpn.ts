// Feature pyramid network. Source: Lin et al., "Feature Pyramid Networks for Object Detection", 2017; mmdet 2.28.2 `models/necks/fpn.py`.

import { add, maxPool2d, relu, upsampleNearest2d, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { ACT_CFG, convCfgArg, ConvModule, initCfgArg, Module, ModuleList, NORM_CFG } from '../../nn/index.ts';
import {
  above,
  absent,
  atLeast,
  bool,
  declareArgs,
  dictOf,
  either,
  flag,
  int,
  listOf,
  MODELS,
  number,
  oneOf,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
  type Complete,
} from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { at, take } from '../../util/at.ts';

/** Feature maps in, feature maps out. */
export interface Neck extends Module {
  /** @param inputs float32 [B, H, W, C] per level; borrowed @returns new ones */
  forward(inputs: readonly Tensor[]): Tensor[];
}

const width = atLeast(int, 1);
const sources = oneOf('on_input', 'on_lateral', 'on_output');

const UPSAMPLE_KEYS = declareArgs({
  mode: optional(oneOf('nearest'), 'nearest', 'How pixels in between are made.'),
  scale_factor: absent(orNone(above(number, 0)), 'By how much; None: to the size of the next level.'),
});

const FPN_ARGS = declareArgs({
  in_channels: required(listOf(width), 'Channels of each input level.', 'channels'),
  out_channels: required(width, 'Channels of each output level.', 'channels'),
  num_outs: required(width, 'How many levels come out.', 'levels'),
  start_level: optional(int, 0, 'First input level used.'),
  end_level: optional(int, -1, 'Last input level used; -1: the last.'),
  add_extra_convs: optional(
    either(bool, sources),
    false,
    "Where further levels come from; True: 'on_input'; False: they are pooled.",
  ),
  relu_before_extra_convs: optional(flag, false, 'Whether a ReLU comes before further levels.'),
  no_norm_on_lateral: optional(flag, false, 'Whether the lateral convolutions have no norm.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
  act_cfg: optional(orNone(ACT_CFG), null, 'The activation behind each convolution; None: none.'),
  upsample_cfg: optional(dictOf(UPSAMPLE_KEYS), {}, 'How levels are enlarged.'),
  init_cfg: initCfgArg,
});
type FpnArgs = Complete<typeof FPN_ARGS>;

type ExtraSource = 'on_input' | 'on_lateral' | 'on_output';

export class FPN extends Module implements Neck {
  static readonly args = FPN_ARGS;
  static readonly part = 'neck';
  override readonly className = 'FPN';
  readonly #inChannels: readonly number[];
  readonly #numOuts: number;
  readonly #startLevel: number;
  readonly #backboneEndLevel: number;
  readonly #extraSource: ExtraSource | null;
  readonly #reluBeforeExtra: boolean;
  readonly #upsampleFactor: number | null;
  readonly #laterals: ModuleList<ConvModule>;
  readonly #convs: ModuleList<ConvModule>;

  constructor(args: ArgsOf<typeof FPN_ARGS>) {
    super();
    const complete = withDefaults(FPN_ARGS, args);
    const { inChannels, outChannels, numOuts, startLevel, convCfg, normCfg, actCfg, addExtraConvs } =
      complete;
    this.#inChannels = inChannels;
    this.#numOuts = numOuts;
    this.#startLevel = startLevel;
    this.#backboneEndLevel = resolveEndLevel(complete);
    this.#extraSource = addExtraConvs === true ? 'on_input' : addExtraConvs || null;
    this.#reluBeforeExtra = complete.reluBeforeExtraConvs;
    this.#upsampleFactor = complete.upsampleCfg.scale_factor ?? null;
    this.initCfg = complete.initCfg ?? { type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' };

    const common = { outChannels, convCfg, actCfg };
    const used = inChannels.slice(startLevel, this.#backboneEndLevel);
    const lateralNorm = complete.noNormOnLateral ? null : normCfg;
    const laterals = used.map(
      (channels) => new ConvModule({ ...common, inChannels: channels, kernelSize: 1, normCfg: lateralNorm }),
    );
    const convs = used.map(
      () => new ConvModule({ ...common, inChannels: outChannels, kernelSize: 3, padding: 1, normCfg }),
    );
    const extraLevels = this.#extraSource ? numOuts - used.length : 0;
    for (let i = 0; i < extraLevels; i++) {
      const isFromInput = i === 0 && this.#extraSource === 'on_input';
      const channels = isFromInput ? at(inChannels, this.#backboneEndLevel - 1) : outChannels;
      convs.push(
        new ConvModule({ ...common, inChannels: channels, kernelSize: 3, stride: 2, padding: 1, normCfg }),
      );
    }
    this.#laterals = this.addModule('lateral_convs', new ModuleList(laterals));
    this.#convs = this.addModule('fpn_convs', new ModuleList(convs));
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    const numIns = this.#inChannels.length;
    if (inputs.length !== numIns)
      throw new ConfigError(
        `neck.in_channels must have one entry per feature map of the backbone (${inputs.length}), but has ${numIns}`,
        {
          code: 'bad-value',
          path: 'model.neck.in_channels',
          hint: 'backbone.out_indices says which maps come',
        },
      );
    inputs.forEach((x, i) => checkInputChannels(at(this.#inChannels, i), x, `neck.in_channels[${i}]`));
    const laterals = this.#laterals.items.map((conv, i) => conv.forward(at(inputs, i + this.#startLevel)));
    for (let i = laterals.length - 1; i > 0; i--) {
      const [, targetH, targetW] = take(at(laterals, i - 1).shape, 3);
      const [, h, w] = take(at(laterals, i).shape, 3);
      const factor = this.#upsampleFactor;
      const size =
        factor === null
          ? ([targetH, targetW] as const)
          : ([Math.floor(h * factor), Math.floor(w * factor)] as const);
      laterals[i - 1] = add(at(laterals, i - 1), upsampleNearest2d(at(laterals, i), size));
    }
    const used = laterals.length;
    const outputs = laterals.map((lateral, i) => at(this.#convs.items, i).forward(lateral));
    for (let i = used; i < this.#numOuts; i++) outputs.push(this.#extraLevel(i, inputs, laterals, outputs));
    return outputs;
  }

  #extraLevel(
    level: number,
    inputs: readonly Tensor[],
    laterals: readonly Tensor[],
    outputs: readonly Tensor[],
  ): Tensor {
    const previous = at(outputs, outputs.length - 1);
    if (!this.#extraSource) return maxPool2d(previous, [1, 1], [2, 2], [0, 0]);
    const conv = at(this.#convs.items, level);
    if (level > laterals.length) return conv.forward(this.#reluBeforeExtra ? relu(previous) : previous);
    switch (this.#extraSource) {
      case 'on_input':
        return conv.forward(at(inputs, this.#backboneEndLevel - 1));
      case 'on_lateral':
        return conv.forward(at(laterals, laterals.length - 1));
      case 'on_output':
        return conv.forward(previous);
    }
  }
}

function resolveEndLevel({ inChannels, numOuts, startLevel, endLevel }: FpnArgs): number {
  const numIns = inChannels.length;
  if (!(startLevel >= 0 && startLevel < numIns))
    throw bad(`start_level must be below the ${numIns} input levels, but got ${startLevel}`);
  if (endLevel === -1 || endLevel === numIns - 1) {
    if (numOuts < numIns - startLevel)
      throw bad(
        `num_outs must be at least ${numIns - startLevel} (input levels from start_level on), but got ${numOuts}`,
      );
    return numIns;
  }
  if (!(endLevel < numIns && endLevel >= startLevel))
    throw bad(`end_level must be -1 or from start_level to ${numIns - 1}, but got ${endLevel}`);
  // No extra level is possible if the highest levels are left out.
  if (numOuts !== endLevel - startLevel + 1)
    throw bad(
      `num_outs must be ${endLevel - startLevel + 1} (end_level - start_level + 1), but got ${numOuts}`,
    );
  return endLevel + 1;
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

MODELS.registerModule()(FPN);
