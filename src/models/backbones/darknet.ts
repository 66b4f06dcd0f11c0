// Darknet-53 (YOLOv3). Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018;
// mmdet 2.28.2 `models/backbones/darknet.py`.

import { add, type Tensor } from '../../gpu/index.ts';
import {
  ACT_CFG,
  convCfgArg,
  ConvModule,
  initCfgArg,
  Module,
  NORM_CFG,
  PlainSequential,
  type LayerCfg,
} from '../../nn/index.ts';
import {
  between,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  oneOf,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import {
  backboneInitCfg,
  evalNorms,
  normEvalHelp,
  pretrainedArg,
  runStages,
  type Backbone,
} from './backbone.ts';

/** Residual blocks, channels in and out of each stage. */
const STAGES = [
  [1, 32, 64],
  [2, 64, 128],
  [8, 128, 256],
  [8, 256, 512],
  [4, 512, 1024],
] as const;

const DARKNET_ARGS = declareArgs({
  depth: optional(oneOf(53), 53, 'How many layers it has.', 'layers'),
  out_indices: optional(
    listOf(between(int, 0, 5)),
    [3, 4, 5],
    'Which parts give a feature map: 0 the first convolution, then the stages.',
  ),
  frozen_stages: optional(between(int, -1, 6), -1, 'Freeze so many parts; -1: nothing.', 'parts'),
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
  norm_eval: optional(flag, true, normEvalHelp),
  pretrained: pretrainedArg,
  init_cfg: initCfgArg,
});

interface LayerCfgs {
  readonly convCfg: LayerCfg;
  readonly normCfg: LayerCfg;
  readonly actCfg: LayerCfg;
}

/** A 1x1 convolution to half the channels, a 3x3 one back, and the input added. */
class DarknetResBlock extends Module {
  override readonly className = 'ResBlock';
  readonly #conv1: ConvModule;
  readonly #conv2: ConvModule;

  constructor(channels: number, layerCfgs: LayerCfgs) {
    super();
    const half = channels / 2;
    this.#conv1 = this.addModule(
      'conv1',
      new ConvModule({ ...layerCfgs, inChannels: channels, outChannels: half, kernelSize: 1 }),
    );
    this.#conv2 = this.addModule(
      'conv2',
      new ConvModule({ ...layerCfgs, inChannels: half, outChannels: channels, kernelSize: 3, padding: 1 }),
    );
  }

  forward(x: Tensor): Tensor {
    return add(this.#conv2.forward(this.#conv1.forward(x)), x);
  }
}

export class Darknet extends Module implements Backbone {
  static readonly args = DARKNET_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'Darknet';
  readonly #parts: readonly (ConvModule | PlainSequential)[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  constructor(given: ArgsOf<typeof DARKNET_ARGS>) {
    super();
    const args = withDefaults(DARKNET_ARGS, given);
    const { convCfg, normCfg, actCfg } = args;
    this.initCfg = backboneInitCfg(args);
    this.#outIndices = args.outIndices;
    this.#frozenStages = args.frozenStages;
    this.#normEval = args.normEval;
    const layerCfgs = { convCfg, normCfg, actCfg };
    const conv = (inChannels: number, outChannels: number, stride: number): ConvModule =>
      new ConvModule({ ...layerCfgs, inChannels, outChannels, kernelSize: 3, stride, padding: 1 });
    const first = this.addModule('conv1', conv(3, 32, 1));
    const stages = STAGES.map(([blocks, inChannels, outChannels], i) => {
      const layers = Array.from({ length: blocks }, (_, k) => [
        `res${k}`,
        new DarknetResBlock(outChannels, layerCfgs),
      ]);
      const stage = { conv: conv(inChannels, outChannels, 2), ...Object.fromEntries(layers) };
      return this.addModule(`conv_res_block${i + 1}`, new PlainSequential(stage));
    });
    this.#parts = [first, ...stages];
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(3, x, 'backbone');
    return runStages(x, this.#parts, this.#outIndices);
  }

  override train(mode = true): this {
    super.train(mode);
    for (const part of this.#parts.slice(0, Math.max(this.#frozenStages, 0))) part.eval().requiresGrad(false);
    if (mode && this.#normEval) evalNorms(this);
    return this;
  }
}

MODELS.registerModule()(Darknet);
