// ResNeXt. Source: Xie et al., "Aggregated Residual Transformations", 2017; mmdet 2.28.2 `models/backbones/resnext.py`.

import {
  atLeast,
  declareArgs,
  int,
  MODELS,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { Bottleneck, type BlockDesign } from './resBlocks.ts';
import { doublingDesign, STAGE_BLOCKS } from './resnet.ts';
import { RESNET_TABLE, ResNetBase } from './resnetBase.ts';

const count = atLeast(int, 1);

const RESNEXT_ARGS = declareArgs({
  groups: optional(count, 1, 'Groups of the 3x3 convolutions.', 'groups'),
  base_width: optional(count, 4, 'Channels of a group in the first stage.', 'channels'),
  depth: required(oneOf(50, 101, 152), 'How many layers it has.', 'layers'),
  ...RESNET_TABLE,
});

/**
 * A bottleneck whose 3x3 convolution has groups.
 * @param share `base_width / base_channels`: channels of a group for each plane
 * @param lastNorm see {@link BlockDesign}
 */
export function groupedBottleneck(
  groups: number,
  share: number,
  expansion: number,
  lastNorm: string | null,
): BlockDesign {
  const width = (planes: number): number => (groups === 1 ? planes : Math.floor(planes * share) * groups);
  return {
    expansion,
    lastNorm,
    build: (args) => new Bottleneck(args, { expansion, groups, width: width(args.planes) }),
  };
}

export class ResNeXt extends ResNetBase {
  static readonly args = RESNEXT_ARGS;
  override readonly className = 'ResNeXt';

  constructor(given: ArgsOf<typeof RESNEXT_ARGS>, context?: BuildContext) {
    const args = withDefaults(RESNEXT_ARGS, given);
    warnOfZeroInit('ResNeXt', given.zeroInitResidual, context);
    const block = groupedBottleneck(args.groups, args.baseWidth / args.baseChannels, 4, null);
    const design = doublingDesign(args, STAGE_BLOCKS[args.depth], block);
    super('ResNeXt', { ...args, stemChannels: args.stemChannels ?? args.baseChannels }, design, context);
  }
}

/**
 * MMDetection asks for the class of the blocks, which only ResNet's own are: the last norm of others starts at 1.
 * @param asked what the config says
 */
export function warnOfZeroInit(
  name: string,
  asked: boolean | undefined,
  context: BuildContext | undefined,
): void {
  if (asked)
    context?.report({
      severity: 'warning',
      code: 'no-effect',
      path: 'zero_init_residual',
      message: `${name}: zero_init_residual=True changes nothing, as in MMDetection 2.28.2; the last norm of each block starts at 1`,
      hint: 'take it away',
    });
}

MODELS.registerModule()(ResNeXt);
