// Feature pyramid network. Source: Lin et al., "Feature Pyramid Networks for Object Detection", 2017; mmdet 2.28.2 `models/necks/fpn.py`.

import { add, maxPool2d, relu, upsampleNearest2d, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { ConvModule, Module, ModuleList, type LayerCfg } from '../../nn/index.ts';
import { MODELS, type ArgSpec } from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';

/** Feature maps in, feature maps out. */
export interface Neck extends Module {
  /** @param inputs float32 [B, H, W, C] per level; borrowed @returns new ones */
  forward(inputs: readonly Tensor[]): Tensor[];
}

export interface FPNArgs {
  /** Channels of each input level. */
  inChannels: readonly number[];
  outChannels: number;
  numOuts: number;
  /** First input level used. */
  startLevel?: number;
  /** Last input level used; -1: the last. */
  endLevel?: number;
  /** Where further levels come from: `on_input`, `on_lateral`, `on_output`; true is `on_input`; false: max pooling. */
  addExtraConvs?: boolean | string;
  reluBeforeExtraConvs?: boolean;
  noNormOnLateral?: boolean;
  convCfg?: LayerCfg;
  normCfg?: LayerCfg;
  actCfg?: LayerCfg;
  upsampleCfg?: Readonly<Record<string, unknown>>;
  initCfg?: unknown;
}

type ExtraSource = 'on_input' | 'on_lateral' | 'on_output';

export class FPN extends Module implements Neck {
  static readonly args: ArgSpec = {
    required: ['in_channels', 'out_channels', 'num_outs'],
    optional: [
      'start_level',
      'end_level',
      'add_extra_convs',
      'relu_before_extra_convs',
      'no_norm_on_lateral',
      'conv_cfg',
      'norm_cfg',
      'act_cfg',
      'upsample_cfg',
      'init_cfg',
    ],
    kinds: {
      in_channels: 'positive ints',
      out_channels: 'positive int',
      num_outs: 'positive int',
      start_level: 'int',
      end_level: 'int',
      conv_cfg: 'dict?',
      norm_cfg: 'dict?',
      act_cfg: 'dict?',
      upsample_cfg: 'dict',
    },
  };
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

  constructor(args: FPNArgs) {
    super();
    const { inChannels, outChannels, numOuts, startLevel = 0 } = args;
    const { convCfg = null, normCfg = null, actCfg = null } = args;
    this.#inChannels = inChannels;
    this.#numOuts = numOuts;
    this.#startLevel = startLevel;
    this.#backboneEndLevel = resolveEndLevel(args);
    this.#extraSource = resolveExtraSource(args.addExtraConvs ?? false);
    this.#reluBeforeExtra = args.reluBeforeExtraConvs ?? false;
    this.#upsampleFactor = resolveUpsample(args.upsampleCfg ?? { mode: 'nearest' });
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
      const channels = isFromInput ? inChannels[this.#backboneEndLevel - 1] : outChannels;
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
    inputs.forEach((x, i) => checkInputChannels(this.#inChannels[i], x, `neck.in_channels[${i}]`));
    const laterals = this.#laterals.items.map((conv, i) => conv.forward(inputs[i + this.#startLevel]));
    for (let i = laterals.length - 1; i > 0; i--) {
      const target: readonly number[] = laterals[i - 1].shape;
      const [, h, w]: readonly number[] = laterals[i].shape;
      const factor = this.#upsampleFactor;
      const size =
        factor === null ? [target[1], target[2]] : [Math.floor(h * factor), Math.floor(w * factor)];
      laterals[i - 1] = add(laterals[i - 1], upsampleNearest2d(laterals[i], [size[0], size[1]]));
    }
    const used = laterals.length;
    const outputs = laterals.map((lateral, i) => this.#convs.items[i].forward(lateral));
    for (let i = used; i < this.#numOuts; i++) outputs.push(this.#extraLevel(i, inputs, laterals, outputs));
    return outputs;
  }

  #extraLevel(
    level: number,
    inputs: readonly Tensor[],
    laterals: readonly Tensor[],
    outputs: readonly Tensor[],
  ): Tensor {
    const previous = outputs[outputs.length - 1];
    if (!this.#extraSource) return maxPool2d(previous, [1, 1], [2, 2], [0, 0]);
    const conv = this.#convs.items[level];
    if (level > laterals.length) return conv.forward(this.#reluBeforeExtra ? relu(previous) : previous);
    switch (this.#extraSource) {
      case 'on_input':
        return conv.forward(inputs[this.#backboneEndLevel - 1]);
      case 'on_lateral':
        return conv.forward(laterals[laterals.length - 1]);
      case 'on_output':
        return conv.forward(previous);
    }
  }
}

function resolveEndLevel(args: FPNArgs): number {
  const { inChannels, numOuts, startLevel = 0, endLevel = -1 } = args;
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

function resolveExtraSource(value: boolean | string): ExtraSource | null {
  if (value === false) return null;
  if (value === true) return 'on_input';
  if (value === 'on_input' || value === 'on_lateral' || value === 'on_output') return value;
  throw bad(`add_extra_convs must be a bool, 'on_input', 'on_lateral' or 'on_output', but got '${value}'`);
}

function resolveUpsample(cfg: Readonly<Record<string, unknown>>): number | null {
  const { mode = 'nearest', scale_factor: factor } = cfg;
  if (mode !== 'nearest')
    throw new ConfigError(`upsample_cfg mode must be 'nearest', but got '${String(mode)}'`, {
      code: 'unsupported',
    });
  return typeof factor === 'number' ? factor : null;
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

MODELS.registerModule()(FPN);
