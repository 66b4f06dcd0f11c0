// GFL's head. Source: Li et al., "Generalized Focal Loss", 2020; mmdet 2.28.2 `models/dense_heads/gfl_head.py`.

import type { Tensor } from '../../gpu/index.ts';
import { Conv2d, convCfgArg, ModuleList, NORM_CFG, Scale, type ConvModule } from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  int,
  MODELS,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import '../bbox/atssAssigner.ts';
import { convTower, runTower } from './convTower.ts';
import { DISTRIBUTION_HEAD_ARGS, DistributionHead } from './distributionHead.ts';
import { Integral } from './integral.ts';

const GFL_HEAD_ARGS = declareArgs({
  ...DISTRIBUTION_HEAD_ARGS.table,
  stacked_convs: optional(
    atLeast(int, 0),
    4,
    'Convolutions before the last one, in each of the two branches.',
  ),
  conv_cfg: convCfgArg,
  norm_cfg: optional(
    orNone(NORM_CFG),
    { type: 'GN', num_groups: 32, requires_grad: true },
    'The norm behind each convolution; None: none.',
  ),
});

// The last layer starts out saying 1 % for every class.
const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'gfl_cls', std: 0.01, bias_prob: 0.01 },
};

/** Two branches of 3x3 convolutions, shared by all levels, and a learnt factor for the boxes of each level. */
export class GFLHead extends DistributionHead {
  static readonly args = GFL_HEAD_ARGS;
  override readonly className = 'GFLHead';
  readonly #clsConvs: ModuleList<ConvModule>;
  readonly #regConvs: ModuleList<ConvModule>;
  readonly #gflCls: Conv2d;
  readonly #gflReg: Conv2d;
  readonly #scales: ModuleList<Scale>;
  protected override readonly integral: Integral;

  constructor(args: ArgsOf<typeof GFL_HEAD_ARGS>, context: BuildContext) {
    const complete = withDefaults(GFL_HEAD_ARGS, args);
    super({ ...complete, initCfg: complete.initCfg ?? DEFAULT_INIT }, context);
    const { inChannels, featChannels, stackedConvs, convCfg, normCfg } = complete;
    const branch = (): ModuleList<ConvModule> =>
      convTower(stackedConvs, inChannels, featChannels, { convCfg, normCfg });
    const last = (outChannels: number): Conv2d =>
      new Conv2d({ inChannels: featChannels, outChannels, kernelSize: 3, padding: 1 });
    this.#clsConvs = this.addModule('cls_convs', branch());
    this.#regConvs = this.addModule('reg_convs', branch());
    this.#gflCls = this.addModule('gfl_cls', last(this.clsOutChannels));
    this.#gflReg = this.addModule('gfl_reg', last(this.boxChannels));
    this.#scales = this.addModule('scales', new ModuleList(this.generator.strides.map(() => new Scale())));
    this.integral = this.addModule('integral', new Integral(complete.regMax));
  }

  protected override forwardSingle(x: Tensor, level: number): readonly [Tensor, Tensor] {
    const boxes = this.#gflReg.forward(runTower(this.#regConvs, x));
    return [this.#gflCls.forward(runTower(this.#clsConvs, x)), at(this.#scales.items, level).forward(boxes)];
  }
}

MODELS.registerModule()(GFLHead);
