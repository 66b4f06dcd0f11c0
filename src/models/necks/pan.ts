// NanoDet's neck. Source: github.com/RangiLyu/nanodet 0.x `model/fpn/{fpn,pan}.py`: names of arguments and parameters.

import { add, resizeBilinear2d, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { convCfgArg, ConvModule, initCfgArg, Module, ModuleList, NORM_CFG } from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  int,
  listOf,
  MODELS,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { activationCfg, NANODET_ACTIVATION } from '../backbones/customCspNet.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { checkFits, sizeOf } from '../levelSizes.ts';
import { at } from '../../util/at.ts';
import type { Neck } from './fpn.ts';

const width = atLeast(int, 1);

const PAN_ARGS = declareArgs({
  in_channels: required(listOf(width), 'Channels of each input level.', 'channels'),
  out_channels: required(width, 'Channels of each output level.', 'channels'),
  num_outs: required(width, 'How many levels come out: as many as go in.', 'levels'),
  start_level: optional(atLeast(int, 0), 0, 'First input level used.'),
  end_level: optional(int, -1, 'The input level behind the last one used; -1: all.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
  activation: optional(
    orNone(NANODET_ACTIVATION),
    null,
    'The activation behind each convolution; None: none.',
  ),
  init_cfg: initCfgArg,
});

/** Levels are brought to one width by a 1x1 convolution each, and added up from the top down and from the bottom up. */
export class PAN extends Module implements Neck {
  static readonly args = PAN_ARGS;
  static readonly part = 'neck';
  override readonly className = 'PAN';
  readonly #inChannels: readonly number[];
  readonly #startLevel: number;
  readonly #laterals: ModuleList<ConvModule>;

  constructor(args: ArgsOf<typeof PAN_ARGS>) {
    super();
    const complete = withDefaults(PAN_ARGS, args);
    const { inChannels, outChannels, startLevel, endLevel, convCfg, normCfg, activation } = complete;
    this.#inChannels = inChannels;
    this.#startLevel = startLevel;
    const used = inChannels.slice(startLevel, endLevel === -1 ? undefined : endLevel);
    if (used.length !== complete.numOuts)
      throw new ConfigError(
        `num_outs must be the number of levels that go in (${used.length}), but got ${complete.numOuts}`,
        { code: 'bad-value' },
      );
    this.initCfg = complete.initCfg ?? { type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' };
    const actCfg = activation === null ? null : activationCfg(activation);
    this.#laterals = this.addModule(
      'lateral_convs',
      new ModuleList(
        used.map(
          (channels) =>
            new ConvModule({ inChannels: channels, outChannels, kernelSize: 1, convCfg, normCfg, actCfg }),
        ),
      ),
    );
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    const levels = this.#laterals.items.map((conv, i) => {
      const x = at(inputs, i + this.#startLevel);
      checkInputChannels(at(this.#inChannels, i + this.#startLevel), x, `neck.in_channels[${i}]`);
      return conv.forward(x);
    });
    for (let i = levels.length - 1; i > 0; i--)
      levels[i - 1] = add(at(levels, i - 1), resized(at(levels, i), 2, at(levels, i - 1)));
    for (let i = 1; i < levels.length; i++)
      levels[i] = add(at(levels, i), resized(at(levels, i - 1), 0.5, at(levels, i)));
    return levels;
  }
}

/** @param target a level whose size must come out */
function resized(x: Tensor, scale: number, target: Tensor): Tensor {
  const [height, width] = sizeOf(x);
  const size = [Math.floor(height * scale), Math.floor(width * scale)] as const;
  checkFits(size, target, 'model.neck');
  return resizeBilinear2d(x, size, { scale: [scale, scale] });
}

MODELS.registerModule()(PAN);
