// Feature pyramid network. Source: Lin et al., "Feature Pyramid Networks for Object Detection", 2017; mmdet 2.28.2 `models/necks/fpn.py`.

import { add, maxPool2d, relu, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { ACT_CFG, convCfgArg, ConvModule, initCfgArg, Module, ModuleList, NORM_CFG } from '../../nn/index.ts';
import {
  bool,
  declareArgs,
  either,
  flag,
  int,
  MODELS,
  oneOf,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
  type Complete,
  type DeclaredArgs,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import {
  checkLevels,
  inChannelsArg,
  outChannelsArg,
  UPSAMPLE_CFG,
  upsampleTo,
  countKind,
  type Neck,
  type UpsampleCfg,
} from './neck.ts';

export type { Neck } from './neck.ts';

const sources = oneOf('on_input', 'on_lateral', 'on_output');

/** Arguments of pyramids, in MMDetection's order. */
export const PYRAMID_TABLE = {
  in_channels: inChannelsArg,
  out_channels: outChannelsArg,
  num_outs: required(countKind, 'How many levels come out.', 'levels'),
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
} as const;
type PyramidArgs = Complete<DeclaredArgs<typeof PYRAMID_TABLE>> & { readonly initCfg: unknown };

const FPN_ARGS = declareArgs({
  ...PYRAMID_TABLE,
  upsample_cfg: optional(UPSAMPLE_CFG, {}, 'How levels are enlarged.'),
  init_cfg: initCfgArg,
});

type ExtraSource = 'on_input' | 'on_lateral' | 'on_output';

/** What FPN and PAFPN have in common. */
export abstract class Pyramid extends Module implements Neck {
  static readonly part = 'neck';
  readonly #inChannels: readonly number[];
  readonly #numOuts: number;
  readonly #startLevel: number;
  readonly #backboneEndLevel: number;
  readonly #extraSource: ExtraSource | null;
  readonly #reluBeforeExtra: boolean;
  readonly #upsampleCfg: UpsampleCfg;
  readonly #laterals: ModuleList<ConvModule>;
  readonly #convs: ModuleList<ConvModule>;

  protected constructor(args: PyramidArgs, upsampleCfg: UpsampleCfg = {}) {
    super();
    const { inChannels, outChannels, numOuts, startLevel, convCfg, normCfg, actCfg, addExtraConvs } = args;
    this.#inChannels = inChannels;
    this.#numOuts = numOuts;
    this.#startLevel = startLevel;
    this.#backboneEndLevel = resolveEndLevel(args);
    this.#extraSource = addExtraConvs === true ? 'on_input' : addExtraConvs || null;
    this.#reluBeforeExtra = args.reluBeforeExtraConvs;
    this.#upsampleCfg = upsampleCfg;
    this.initCfg = args.initCfg ?? { type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' };

    const common = { outChannels, convCfg, actCfg };
    const used = inChannels.slice(startLevel, this.#backboneEndLevel);
    const lateralNorm = args.noNormOnLateral ? null : normCfg;
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
    checkLevels(this.#inChannels, inputs);
    const laterals = this.#laterals.items.map((conv, i) => conv.forward(at(inputs, i + this.#startLevel)));
    for (let i = laterals.length - 1; i > 0; i--) {
      const target = at(laterals, i - 1);
      laterals[i - 1] = add(target, upsampleTo(at(laterals, i), target, this.#upsampleCfg));
    }
    const outputs = this.levels(laterals);
    for (let i = laterals.length; i < this.#numOuts; i++)
      outputs.push(this.#extraLevel(i, inputs, laterals, outputs));
    return outputs;
  }

  /** How many input levels are used. */
  protected get lateralCount(): number {
    return this.#laterals.items.length;
  }

  /** The outputs that belong to laterals. */
  protected levels(laterals: readonly Tensor[]): Tensor[] {
    return laterals.map((lateral, i) => at(this.#convs.items, i).forward(lateral));
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

function resolveEndLevel({ inChannels, numOuts, startLevel, endLevel }: PyramidArgs): number {
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

export class FPN extends Pyramid {
  static readonly args = FPN_ARGS;
  override readonly className = 'FPN';

  constructor(given: ArgsOf<typeof FPN_ARGS>) {
    const args = withDefaults(FPN_ARGS, given);
    super(args, args.upsampleCfg);
  }
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

MODELS.registerModule()(FPN);
