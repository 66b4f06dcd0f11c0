// YOLOv3's neck. Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018; mmdet 2.28.2 `models/necks/yolo_neck.py`.

import { concat, type Tensor } from '../../gpu/index.ts';
import {
  ACT_CFG,
  convCfgArg,
  ConvModule,
  initCfgArg,
  Module,
  NORM_CFG,
  type ConvModuleArgs,
} from '../../nn/index.ts';
import {
  declareArgs,
  listOf,
  MODELS,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import { badValue } from '../backbones/backbone.ts';
import { checkLevels, countKind, upsampleTo, type Neck } from './neck.ts';

const YOLO_V3_NECK_ARGS = declareArgs({
  num_scales: required(countKind, 'How many levels go in and come out.', 'levels'),
  in_channels: required(listOf(countKind), 'Channels of each input level, the coarsest first.', 'channels'),
  out_channels: required(listOf(countKind), 'Channels of each output level, the coarsest first.', 'channels'),
  conv_cfg: convCfgArg,
  norm_cfg: optional(
    orNone(NORM_CFG),
    { type: 'BN', requires_grad: true },
    'The norm behind each convolution.',
  ),
  act_cfg: optional(
    orNone(ACT_CFG),
    { type: 'LeakyReLU', negative_slope: 0.1 },
    'The activation behind each convolution.',
  ),
  init_cfg: initCfgArg,
});

type LayerCfgs = Pick<ConvModuleArgs, 'convCfg' | 'normCfg' | 'actCfg'>;

/** 1x1 and 3x3 convolutions in turn, five of them. */
class DetectionBlock extends Module {
  override readonly className = 'DetectionBlock';
  readonly #convs: readonly ConvModule[];

  constructor(inChannels: number, outChannels: number, layerCfgs: LayerCfgs) {
    super();
    this.#convs = [0, 1, 2, 3, 4].map((i) => {
      const isWide = i % 2 === 1;
      const conv = new ConvModule({
        ...layerCfgs,
        inChannels: i === 0 ? inChannels : outChannels * (isWide ? 1 : 2),
        outChannels: outChannels * (isWide ? 2 : 1),
        kernelSize: isWide ? 3 : 1,
        padding: isWide ? 1 : 0,
      });
      return this.addModule(`conv${i + 1}`, conv);
    });
  }

  forward(x: Tensor): Tensor {
    return this.#convs.reduce((value, conv) => conv.forward(value), x);
  }
}

/** Levels come in from the finest to the coarsest and go out the other way round. */
export class YOLOV3Neck extends Module implements Neck {
  static readonly args = YOLO_V3_NECK_ARGS;
  static readonly part = 'neck';
  override readonly className = 'YOLOV3Neck';
  readonly #inChannels: readonly number[];
  readonly #detect: readonly DetectionBlock[];
  /** Between a block and the next one. */
  readonly #convs: readonly ConvModule[];

  constructor(given: ArgsOf<typeof YOLO_V3_NECK_ARGS>) {
    super();
    const args = withDefaults(YOLO_V3_NECK_ARGS, given);
    const { numScales, inChannels, outChannels, convCfg, normCfg, actCfg } = args;
    if (inChannels.length !== numScales || outChannels.length !== numScales)
      throw badValue(
        `in_channels and out_channels must have num_scales=${numScales} entries, but have ${inChannels.length} and ${outChannels.length}`,
      );
    this.initCfg = args.initCfg;
    this.#inChannels = inChannels;
    const layerCfgs = { convCfg, normCfg, actCfg };
    const detect = [
      this.addModule('detect1', new DetectionBlock(at(inChannels, 0), at(outChannels, 0), layerCfgs)),
    ];
    this.#convs = inChannels.slice(1).map((channels, i) => {
      const [above, own] = [at(outChannels, i), at(outChannels, i + 1)];
      const conv = new ConvModule({ ...layerCfgs, inChannels: above, outChannels: own, kernelSize: 1 });
      this.addModule(`conv${i + 1}`, conv);
      const block = new DetectionBlock(channels + own, own, layerCfgs);
      detect.push(this.addModule(`detect${i + 2}`, block));
      return conv;
    });
    this.#detect = detect;
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    const levels = [...inputs].reverse();
    checkLevels(this.#inChannels, levels);
    const outputs: Tensor[] = [];
    levels.forEach((level, i) => {
      const block = at(this.#detect, i);
      const above = outputs.at(-1);
      if (!above) return outputs.push(block.forward(level));
      const small = at(this.#convs, i - 1).forward(above);
      return outputs.push(block.forward(concat([upsampleTo(small, level, { scale_factor: 2 }), level], 3)));
    });
    return outputs;
  }
}

MODELS.registerModule()(YOLOV3Neck);
