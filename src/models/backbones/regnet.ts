// RegNet. Source: Radosavovic et al., "Designing Network Design Spaces", 2020; mmdet 2.28.2 `models/backbones/regnet.py`.

import {
  above,
  atLeast,
  declareArgs,
  dictOf,
  either,
  int,
  MODELS,
  number,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { roundHalfEven } from '../../util/roundHalfEven.ts';
import { badValue } from './backbone.ts';
import { RESNET_TABLE, ResNetBase, type StageDesign } from './resnetBase.ts';
import { groupedBottleneck } from './resnext.ts';

const count = atLeast(int, 1);

/** MMDetection's own, by name. */
const ARCHITECTURES = {
  regnetx_400mf: { w0: 24, wa: 24.48, wm: 2.54, group_w: 16, depth: 22, bot_mul: 1 },
  regnetx_800mf: { w0: 56, wa: 35.73, wm: 2.28, group_w: 16, depth: 16, bot_mul: 1 },
  'regnetx_1.6gf': { w0: 80, wa: 34.01, wm: 2.25, group_w: 24, depth: 18, bot_mul: 1 },
  'regnetx_3.2gf': { w0: 88, wa: 26.31, wm: 2.25, group_w: 48, depth: 25, bot_mul: 1 },
  'regnetx_4.0gf': { w0: 96, wa: 38.65, wm: 2.43, group_w: 40, depth: 23, bot_mul: 1 },
  'regnetx_6.4gf': { w0: 184, wa: 60.83, wm: 2.07, group_w: 56, depth: 17, bot_mul: 1 },
  'regnetx_8.0gf': { w0: 80, wa: 49.56, wm: 2.88, group_w: 120, depth: 23, bot_mul: 1 },
  regnetx_12gf: { w0: 168, wa: 73.36, wm: 2.37, group_w: 112, depth: 19, bot_mul: 1 },
} as const;

const ARCH_KEYS = declareArgs({
  w0: required(count, 'Width that the first block would have.', 'channels'),
  wa: required(atLeast(number, 0), 'By how much it grows from block to block.', 'channels'),
  wm: required(above(number, 1), 'Widths are powers of it.'),
  depth: required(count, 'Blocks of all stages.', 'blocks'),
  group_w: required(count, 'Channels of a group.', 'channels'),
  bot_mul: required(above(number, 0), 'Width of the 3x3 convolutions by that of the blocks.'),
});

const NAMES = oneOf(
  'regnetx_400mf',
  'regnetx_800mf',
  'regnetx_1.6gf',
  'regnetx_3.2gf',
  'regnetx_4.0gf',
  'regnetx_6.4gf',
  'regnetx_8.0gf',
  'regnetx_12gf',
);

const {
  num_stages: _numStages,
  in_channels,
  stem_channels: _stemChannels,
  base_channels: _baseChannels,
  strides: _strides,
  ...MORE
} = RESNET_TABLE;

const REGNET_ARGS = declareArgs({
  arch: required(
    either(NAMES, dictOf(ARCH_KEYS)),
    'Which one, by its name or by what its widths are made of.',
  ),
  in_channels,
  stem_channels: optional(count, 32, 'Channels of the first layer.', 'channels'),
  base_channels: optional(count, 32, 'Changes nothing: arch says how wide the stages are.', 'channels'),
  strides: { ...RESNET_TABLE.strides, default: [2, 2, 2, 2] },
  ...MORE,
});

export class RegNet extends ResNetBase {
  static readonly args = REGNET_ARGS;
  override readonly className = 'RegNet';

  constructor(given: ArgsOf<typeof REGNET_ARGS>, context?: BuildContext) {
    const args = withDefaults(REGNET_ARGS, given);
    const arch = typeof args.arch === 'string' ? ARCHITECTURES[args.arch] : args.arch;
    const design = { stem: args.deepStem ? 'deep' : 'small', stages: regnetStages(arch) } as const;
    super('RegNet', args, design, context);
  }
}

interface Arch {
  readonly w0: number;
  readonly wa: number;
  readonly wm: number;
  readonly depth: number;
  readonly group_w: number;
  readonly bot_mul: number;
}

const DIVISOR = 8;

/**
 * The stages of a network by the six numbers of its family.
 * @example regnetStages(ARCHITECTURES['regnetx_3.2gf']).map((stage) => stage.planes) // [96, 192, 432, 1008]
 */
export function regnetStages({
  w0,
  wa,
  wm,
  depth,
  group_w: groupWidth,
  bot_mul: ratio,
}: Arch): StageDesign[] {
  if (w0 % DIVISOR !== 0) throw badValue(`arch.w0 must be a multiple of ${DIVISOR}, but got ${w0}`);
  const blocks = Array.from({ length: depth }, (_, i) => {
    const power = roundHalfEven(Math.log((i * wa + w0) / w0) / Math.log(wm));
    return roundHalfEven((w0 * wm ** power) / DIVISOR) * DIVISOR;
  });
  const widths = [...new Set(blocks)];
  if (widths.length > 4)
    throw badValue(`arch must make 4 stages at most, but these numbers make ${widths.length}`);
  return widths.map((width) => {
    const wanted = Math.trunc(width * ratio);
    const group = Math.min(groupWidth, wanted);
    const planes = Math.trunc(Math.trunc(roundHalfEven(wanted / group) * group) / ratio);
    const groups = Math.floor(roundHalfEven(planes * ratio) / group);
    return {
      block: groupedBottleneck(groups, group / planes, 1, 'norm3'),
      numBlocks: blocks.filter((block) => block === width).length,
      planes,
    };
  });
}

MODELS.registerModule()(RegNet);
