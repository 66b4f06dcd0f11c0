// ResNet and ResNetV1d. Source: mmdet 2.28.2 `models/backbones/resnet.py`.

import {
  declareArgs,
  MODELS,
  oneOf,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { BASIC_BLOCK, BOTTLENECK, type BlockDesign } from './resBlocks.ts';
import { RESNET_TABLE, ResNetBase, type ResNetDesign, type ResNetTable } from './resnetBase.ts';

export type { Backbone } from './backbone.ts';

/** Blocks of each stage by depth; 18 and 34 have basic blocks. */
export const STAGE_BLOCKS = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
} as const satisfies Readonly<Record<number, readonly number[]>>;

export const depthArg = required(oneOf(18, 34, 50, 101, 152), 'How many layers it has.', 'layers');

const RESNET_ARGS = declareArgs({ depth: depthArg, ...RESNET_TABLE });

/** The stages of a ResNet whose width doubles from one to the next. */
export function doublingDesign(
  { baseChannels, numStages, deepStem }: Pick<ResNetTable, 'baseChannels' | 'numStages' | 'deepStem'>,
  stageBlocks: readonly number[],
  block: BlockDesign,
): ResNetDesign {
  const stages = stageBlocks.slice(0, numStages);
  return {
    stem: deepStem ? 'deep' : 'plain',
    stages: stages.map((numBlocks, i) => ({ block, numBlocks, planes: baseChannels * 2 ** i })),
  };
}

export class ResNet extends ResNetBase {
  static readonly args = RESNET_ARGS;
  override readonly className = 'ResNet';

  constructor(given: ArgsOf<typeof RESNET_ARGS>, context?: BuildContext) {
    const args = withDefaults(RESNET_ARGS, given);
    super('ResNet', ...resnetParts(args), context);
  }
}

const { deep_stem: _deepStem, avg_down: _avgDown, ...V1D_TABLE } = RESNET_TABLE;

const RESNET_V1D_ARGS = declareArgs({ depth: depthArg, ...V1D_TABLE });

/** ResNet with three 3x3 convolutions as its stem and pooling beside the blocks. Source: He et al., "Bag of Tricks", 2019. */
export class ResNetV1d extends ResNetBase {
  static readonly args = RESNET_V1D_ARGS;
  override readonly className = 'ResNetV1d';

  constructor(given: ArgsOf<typeof RESNET_V1D_ARGS>, context?: BuildContext) {
    const args = { ...withDefaults(RESNET_V1D_ARGS, given), deepStem: true, avgDown: true };
    super('ResNetV1d', ...resnetParts(args), context);
  }
}

type DeepArgs = ResNetTable & { readonly depth: keyof typeof STAGE_BLOCKS };

function resnetParts(args: DeepArgs): [ResNetTable & { stemChannels: number }, ResNetDesign] {
  const block = args.depth < 50 ? BASIC_BLOCK : BOTTLENECK;
  return [
    { ...args, stemChannels: args.stemChannels ?? args.baseChannels },
    doublingDesign(args, STAGE_BLOCKS[args.depth], block),
  ];
}

MODELS.registerModule()(ResNet);
MODELS.registerModule()(ResNetV1d);
