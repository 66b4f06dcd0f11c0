// HRNet's neck. Source: Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", 2019;
// mmdet 2.28.2 `models/necks/hrfpn.py`.

import { avgPool2d, concat, maxPool2d, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { convCfgArg, ConvModule, INIT_CFG, Module, ModuleList, NORM_CFG } from '../../nn/index.ts';
import {
  declareArgs,
  MODELS,
  oneOf,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { warnOfCp, withCpArg } from '../backbones/backbone.ts';
import { sizeOf } from '../levelSizes.ts';
import { checkLevels, countKind, inChannelsArg, outChannelsArg, upsampleTo, type Neck } from './neck.ts';

const HRFPN_ARGS = declareArgs({
  in_channels: inChannelsArg,
  out_channels: outChannelsArg,
  num_outs: optional(countKind, 5, 'How many levels come out.', 'levels'),
  pooling_type: optional(oneOf('AVG', 'MAX'), 'AVG', 'How coarser levels are made.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'Changes nothing, as in MMDetection 2.28.2: there is no norm.'),
  with_cp: withCpArg,
  stride: optional(countKind, 1, 'The stride of the 3x3 convolutions.', 'px'),
  init_cfg: optional(orNone(INIT_CFG), { type: 'Caffe2Xavier', layer: 'Conv2d' }, 'What weights start at.'),
});

/** All levels as large as the first, joined by a 1x1 convolution, and pooled to levels again. */
export class HRFPN extends Module implements Neck {
  static readonly args = HRFPN_ARGS;
  static readonly part = 'neck';
  override readonly className = 'HRFPN';
  readonly #inChannels: readonly number[];
  readonly #poolingType: 'AVG' | 'MAX';
  readonly #reduction: ConvModule;
  readonly #convs: ModuleList<ConvModule>;

  constructor(given: ArgsOf<typeof HRFPN_ARGS>, context?: BuildContext) {
    super();
    const args = withDefaults(HRFPN_ARGS, given);
    const { inChannels, outChannels, numOuts, convCfg, stride } = args;
    warnOfCp('HRFPN', args.withCp, context);
    if (args.normCfg !== null)
      context?.report({
        severity: 'warning',
        code: 'no-effect',
        path: 'norm_cfg',
        message: 'HRFPN: norm_cfg changes nothing, as in MMDetection 2.28.2; its convolutions have no norm',
        hint: 'take it away',
      });
    this.initCfg = args.initCfg;
    this.#inChannels = inChannels;
    this.#poolingType = args.poolingType;
    const common = { outChannels, convCfg, actCfg: null };
    const all = inChannels.reduce((sum, channels) => sum + channels, 0);
    this.#reduction = this.addModule(
      'reduction_conv',
      new ConvModule({ ...common, inChannels: all, kernelSize: 1 }),
    );
    const convs = Array.from(
      { length: numOuts },
      () => new ConvModule({ ...common, inChannels: outChannels, kernelSize: 3, padding: 1, stride }),
    );
    this.#convs = this.addModule('fpn_convs', new ModuleList(convs));
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const first = at(inputs, 0);
    const parts = inputs.map((x, i) =>
      i === 0 ? x : upsampleTo(x, first, { mode: 'bilinear', scale_factor: 2 ** i }),
    );
    const joined = this.#reduction.forward(concat(parts, 3));
    return this.#convs.items.map((conv, i) => conv.forward(i === 0 ? joined : this.#pooled(joined, 2 ** i)));
  }

  #pooled(x: Tensor, factor: number): Tensor {
    const [height, width] = sizeOf(x);
    if (Math.min(height, width) < factor)
      throw new ConfigError(
        `neck.num_outs must be so small that the last level is a pixel or more, but of ${height}x${width} it is none`,
        { code: 'bad-size', path: 'model.neck.num_outs', hint: 'make pictures larger, or num_outs smaller' },
      );
    const window = [factor, factor] as const;
    return this.#poolingType === 'MAX' ? maxPool2d(x, window, window, [0, 0]) : avgPool2d(x, window);
  }
}

MODELS.registerModule()(HRFPN);
