// YOLOX's neck. Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021"; mmdet 2.28.2 `models/necks/yolox_pafpn.py`.

import { concat, type Tensor } from '../../gpu/index.ts';
import {
  ACT_CFG,
  convCfgArg,
  ConvModule,
  convOrDepthwise,
  INIT_CFG,
  Module,
  ModuleList,
  NORM_CFG,
  type Layer,
} from '../../nn/index.ts';
import {
  declareArgs,
  flag,
  MODELS,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { CSP_ACT, CSP_INIT, CSP_NORM, CSPLayer } from '../backbones/cspLayer.ts';
import {
  checkLevels,
  countKind,
  inChannelsArg,
  outChannelsArg,
  UPSAMPLE_CFG,
  upsampleTo,
  type Neck,
  type UpsampleCfg,
} from './neck.ts';

const YOLOX_PAFPN_ARGS = declareArgs({
  in_channels: inChannelsArg,
  out_channels: outChannelsArg,
  num_csp_blocks: optional(countKind, 3, 'Bottlenecks in each block.', 'blocks'),
  use_depthwise: optional(flag, false, 'Whether 3x3 convolutions are depthwise, with a 1x1 behind.'),
  upsample_cfg: optional(UPSAMPLE_CFG, { scale_factor: 2, mode: 'nearest' }, 'How levels are enlarged.'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), CSP_NORM, 'The norm behind each convolution.'),
  act_cfg: optional(orNone(ACT_CFG), CSP_ACT, 'The activation behind each convolution.'),
  init_cfg: optional(orNone(INIT_CFG), CSP_INIT, 'What weights start at.'),
});

/** Levels joined from the top down and from the bottom up, by blocks instead of sums. */
export class YOLOXPAFPN extends Module implements Neck {
  static readonly args = YOLOX_PAFPN_ARGS;
  static readonly part = 'neck';
  override readonly className = 'YOLOXPAFPN';
  readonly #inChannels: readonly number[];
  readonly #upsampleCfg: UpsampleCfg;
  readonly #reduceLayers: ModuleList<ConvModule>;
  readonly #topDown: ModuleList<CSPLayer>;
  readonly #downsamples: ModuleList<Layer>;
  readonly #bottomUp: ModuleList<CSPLayer>;
  readonly #outConvs: ModuleList<ConvModule>;

  constructor(given: ArgsOf<typeof YOLOX_PAFPN_ARGS>) {
    super();
    const args = withDefaults(YOLOX_PAFPN_ARGS, given);
    const { inChannels, outChannels, numCspBlocks: numBlocks, useDepthwise, convCfg, normCfg, actCfg } = args;
    this.initCfg = args.initCfg;
    this.#inChannels = inChannels;
    this.#upsampleCfg = args.upsampleCfg;
    const cfgs = { convCfg, normCfg, actCfg };
    const conv = (from: number, to: number): ConvModule =>
      new ConvModule({ ...cfgs, inChannels: from, outChannels: to, kernelSize: 1 });
    const block = (from: number, to: number): CSPLayer =>
      new CSPLayer({
        ...cfgs,
        inChannels: from,
        outChannels: to,
        numBlocks,
        addIdentity: false,
        useDepthwise,
      });
    const down = (channels: number): Layer =>
      convOrDepthwise(useDepthwise, {
        ...{ ...cfgs, inChannels: channels, outChannels: channels },
        ...{ kernelSize: 3, stride: 2, padding: 1 },
      });
    /** Pairs of neighbouring levels, the finest first. */
    const steps = inChannels.slice(1).map((upper, i): [number, number] => [at(inChannels, i), upper]);
    const downward = [...steps].reverse();
    this.#reduceLayers = this.#list(
      'reduce_layers',
      downward.map(([lower, upper]) => conv(upper, lower)),
    );
    this.#topDown = this.#list(
      'top_down_blocks',
      downward.map(([lower]) => block(lower * 2, lower)),
    );
    this.#downsamples = this.#list(
      'downsamples',
      steps.map(([lower]) => down(lower)),
    );
    this.#bottomUp = this.#list(
      'bottom_up_blocks',
      steps.map(([lower, upper]) => block(lower * 2, upper)),
    );
    this.#outConvs = this.#list(
      'out_convs',
      inChannels.map((channels) => conv(channels, outChannels)),
    );
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const last = inputs.length - 1;
    let upper = at(inputs, last);
    /** What goes up again, the finest first. */
    const reduced: Tensor[] = [];
    for (let i = 0; i < last; i++) {
      const lower = at(inputs, last - 1 - i);
      const level = at(this.#reduceLayers.items, i).forward(upper);
      reduced.unshift(level);
      upper = at(this.#topDown.items, i).forward(
        concat([upsampleTo(level, lower, this.#upsampleCfg), lower], 3),
      );
    }
    const levels = [upper];
    reduced.forEach((level, i) => {
      const lower = at(this.#downsamples.items, i).forward(at(levels, i));
      levels.push(at(this.#bottomUp.items, i).forward(concat([lower, level], 3)));
    });
    return levels.map((level, i) => at(this.#outConvs.items, i).forward(level));
  }

  #list<M extends Module>(name: string, items: readonly M[]): ModuleList<M> {
    return this.addModule(name, new ModuleList(items));
  }
}

MODELS.registerModule()(YOLOXPAFPN);
