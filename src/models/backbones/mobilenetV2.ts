// MobileNetV2. Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018;
// mmdet 2.28.2 `models/backbones/mobilenet_v2.py`, `models/utils/{inverted_residual,make_divisible}.py`.

import type { Tensor } from '../../gpu/index.ts';
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
  above,
  atLeast,
  between,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  number,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import {
  backboneInitCfg,
  evalNorms,
  normEvalHelp,
  pretrainedArg,
  runStages,
  warnOfCp,
  withCpArg,
  type Backbone,
} from './backbone.ts';
import { InvertedResidual } from './invertedResidual.ts';

/** expand ratio, channels, blocks, stride */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const MOBILENET_V2_ARGS = declareArgs({
  widen_factor: optional(above(number, 0), 1, 'All widths are multiplied by it.'),
  out_indices: optional(
    listOf(between(int, 0, 7)),
    [1, 2, 4, 7],
    'Which layers give a feature map: 0 to 6 the stages, 7 the last convolution.',
  ),
  frozen_stages: optional(
    between(atLeast(int, -1), -1, 7),
    -1,
    'Freeze the first convolution and so many stages; -1: nothing.',
    'stages',
  ),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), { type: 'BN' }, 'The norm behind each convolution.'),
  act_cfg: optional(orNone(ACT_CFG), { type: 'ReLU6' }, 'The activation behind each convolution.'),
  norm_eval: optional(flag, false, normEvalHelp),
  with_cp: withCpArg,
  pretrained: pretrainedArg,
  init_cfg: initCfgArg,
});

export class MobileNetV2 extends Module implements Backbone {
  static readonly args = MOBILENET_V2_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'MobileNetV2';
  readonly #first: ConvModule;
  readonly #layers: readonly (PlainSequential | ConvModule)[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  constructor(given: ArgsOf<typeof MOBILENET_V2_ARGS>, context?: BuildContext) {
    super();
    const args = withDefaults(MOBILENET_V2_ARGS, given);
    const { widenFactor, convCfg, normCfg, actCfg } = args;
    warnOfCp('MobileNetV2', args.withCp, context);
    this.initCfg = backboneInitCfg(args);
    this.#outIndices = args.outIndices;
    this.#frozenStages = args.frozenStages;
    this.#normEval = args.normEval;
    const layerCfgs = { convCfg, normCfg, actCfg };
    let inChannels = makeDivisible(32 * widenFactor, 8);
    this.#first = this.addModule(
      'conv1',
      new ConvModule({
        ...layerCfgs,
        inChannels: 3,
        outChannels: inChannels,
        kernelSize: 3,
        stride: 2,
        padding: 1,
      }),
    );
    const stages = STAGES.map(([expandRatio, channels, numBlocks, stride], i) => {
      const outChannels = makeDivisible(channels * widenFactor, 8);
      const stage = makeStage({ inChannels, outChannels, expandRatio, numBlocks, stride, layerCfgs });
      inChannels = outChannels;
      return this.addModule(`layer${i + 1}`, stage);
    });
    const outChannels = widenFactor > 1 ? Math.trunc(1280 * widenFactor) : 1280;
    const last = new ConvModule({ ...layerCfgs, inChannels, outChannels, kernelSize: 1 });
    this.#layers = [...stages, this.addModule('conv2', last)];
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(3, x, 'backbone');
    const outIndices = this.#outIndices.map((i) => i + 1);
    return runStages(x, [this.#first, ...this.#layers], outIndices);
  }

  override train(mode = true): this {
    super.train(mode);
    // As in MMDetection nothing is frozen before the first call; the first convolution's norm keeps on counting.
    if (this.#frozenStages >= 0) this.#first.requiresGrad(false);
    for (const layer of this.#layers.slice(0, Math.max(this.#frozenStages, 0)))
      layer.eval().requiresGrad(false);
    if (mode && this.#normEval) evalNorms(this);
    return this;
  }
}

interface StageArgs {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly expandRatio: number;
  readonly numBlocks: number;
  readonly stride: number;
  readonly layerCfgs: { readonly convCfg: LayerCfg; readonly normCfg: LayerCfg; readonly actCfg: LayerCfg };
}

function makeStage({
  inChannels,
  outChannels,
  expandRatio,
  numBlocks,
  stride,
  layerCfgs,
}: StageArgs): PlainSequential {
  return new PlainSequential(
    Array.from({ length: numBlocks }, (_, i) => {
      const channels = i === 0 ? inChannels : outChannels;
      return new InvertedResidual({
        ...layerCfgs,
        inChannels: channels,
        outChannels,
        midChannels: channels * expandRatio,
        stride: i === 0 ? stride : 1,
        withExpandConv: expandRatio !== 1,
      });
    }),
  );
}

/**
 * The multiple of `divisor` nearest to a value, no less than 90 % of it.
 * Source: mmdet 2.28.2 `models/utils/make_divisible.py`.
 * @example makeDivisible(33, 8) // 32
 */
export function makeDivisible(value: number, divisor: number, minValue = divisor, minRatio = 0.9): number {
  const rounded = Math.max(minValue, Math.floor(Math.trunc(value + divisor / 2) / divisor) * divisor);
  return rounded < minRatio * value ? rounded + divisor : rounded;
}

MODELS.registerModule()(MobileNetV2);
