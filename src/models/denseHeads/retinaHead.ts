// RetinaNet's head. Source: mmdet 2.28.2 `models/dense_heads/retina_head.py`.

import type { Tensor } from '../../gpu/index.ts';
import type { ModuleList } from '../../nn/index.ts';
import { Conv2d, convCfgArg, NORM_CFG, type ConvModule } from '../../nn/index.ts';
import {
  atLeast,
  built,
  declareArgs,
  int,
  MODELS,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { ANCHOR_HEAD_ARGS, AnchorHead } from './anchorHead.ts';
import { convTower, runTower } from './convTower.ts';

/** The anchors of the paper. */
const ANCHORS = {
  type: 'AnchorGenerator',
  octave_base_scale: 4,
  scales_per_octave: 3,
  ratios: [0.5, 1, 2],
  strides: [8, 16, 32, 64, 128],
};

const RETINA_HEAD_ARGS = declareArgs({
  ...ANCHOR_HEAD_ARGS.table,
  anchor_generator: optional(built('PRIOR_GENERATORS'), ANCHORS, 'The anchors of each level.'),
  stacked_convs: optional(
    atLeast(int, 0),
    4,
    'Convolutions before the last one, in each of the two branches.',
  ),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm behind each convolution; None: none.'),
});

/** Two branches of 3x3 convolutions, shared by all levels: one for the classes, one for the boxes. */
export class RetinaHead extends AnchorHead {
  static readonly args = RETINA_HEAD_ARGS;
  override readonly className = 'RetinaHead';
  readonly #clsConvs: ModuleList<ConvModule>;
  readonly #regConvs: ModuleList<ConvModule>;
  readonly #retinaCls: Conv2d;
  readonly #retinaReg: Conv2d;

  constructor(args: ArgsOf<typeof RETINA_HEAD_ARGS>, context: BuildContext) {
    const complete = withDefaults(RETINA_HEAD_ARGS, args);
    super({ ...complete, initCfg: complete.initCfg ?? DEFAULT_INIT }, context);
    const { inChannels, featChannels, stackedConvs, convCfg, normCfg } = complete;
    const branch = (): ModuleList<ConvModule> =>
      convTower(stackedConvs, inChannels, featChannels, { convCfg, normCfg });
    const last = (outChannels: number): Conv2d =>
      new Conv2d({ inChannels: featChannels, outChannels, kernelSize: 3, padding: 1 });
    this.#clsConvs = this.addModule('cls_convs', branch());
    this.#regConvs = this.addModule('reg_convs', branch());
    this.#retinaCls = this.addModule('retina_cls', last(this.numBasePriors * this.clsOutChannels));
    this.#retinaReg = this.addModule('retina_reg', last(this.numBasePriors * 4));
  }

  protected override forwardSingle(x: Tensor): readonly [Tensor, Tensor] {
    return [
      this.#retinaCls.forward(runTower(this.#clsConvs, x)),
      this.#retinaReg.forward(runTower(this.#regConvs, x)),
    ];
  }
}

// The last layer starts out saying 1 % for every class, as the focal loss paper wants.
const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'retina_cls', std: 0.01, bias_prob: 0.01 },
};

MODELS.registerModule()(RetinaHead);
