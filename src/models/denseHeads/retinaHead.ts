// RetinaNet's head. Source: mmdet 2.28.2 `models/dense_heads/retina_head.py`.

import type { Tensor } from '../../gpu/index.ts';
import { Conv2d, ConvModule, ModuleList, type LayerCfg } from '../../nn/index.ts';
import { MODELS, type ArgSpec, type BuildContext } from '../../registry/index.ts';
import { ANCHOR_HEAD_ARGS, AnchorHead, type AnchorHeadArgs } from './anchorHead.ts';

export interface RetinaHeadArgs extends AnchorHeadArgs {
  /** Convolutions before the last one, in each of the two branches. */
  stackedConvs?: number;
  convCfg?: LayerCfg;
  normCfg?: LayerCfg;
}

/** Two branches of 3x3 convolutions, shared by all levels: one for the classes, one for the boxes. */
export class RetinaHead extends AnchorHead {
  static readonly args: ArgSpec = {
    required: ANCHOR_HEAD_ARGS.required,
    optional: [...ANCHOR_HEAD_ARGS.optional, 'stacked_convs', 'conv_cfg', 'norm_cfg'],
    kinds: { ...ANCHOR_HEAD_ARGS.kinds, stacked_convs: 'int', conv_cfg: 'dict?', norm_cfg: 'dict?' },
  };
  override readonly className = 'RetinaHead';
  readonly #clsConvs: ModuleList<ConvModule>;
  readonly #regConvs: ModuleList<ConvModule>;
  readonly #retinaCls: Conv2d;
  readonly #retinaReg: Conv2d;

  constructor(args: RetinaHeadArgs, context: BuildContext) {
    super(
      {
        ...args,
        anchorGenerator: args.anchorGenerator ?? DEFAULT_ANCHORS,
        initCfg: args.initCfg ?? DEFAULT_INIT,
      },
      context,
    );
    const { inChannels, featChannels = 256, stackedConvs = 4, convCfg = null, normCfg = null } = args;
    const branch = (): ModuleList<ConvModule> =>
      new ModuleList(
        Array.from(
          { length: stackedConvs },
          (_, i) =>
            new ConvModule({
              inChannels: i === 0 ? inChannels : featChannels,
              outChannels: featChannels,
              kernelSize: 3,
              padding: 1,
              convCfg,
              normCfg,
            }),
        ),
      );
    const last = (outChannels: number): Conv2d =>
      new Conv2d({ inChannels: featChannels, outChannels, kernelSize: 3, padding: 1 });
    this.#clsConvs = this.addModule('cls_convs', branch());
    this.#regConvs = this.addModule('reg_convs', branch());
    this.#retinaCls = this.addModule('retina_cls', last(this.numBasePriors * this.clsOutChannels));
    this.#retinaReg = this.addModule('retina_reg', last(this.numBasePriors * 4));
  }

  protected override forwardSingle(x: Tensor): readonly [Tensor, Tensor] {
    const run = (convs: ModuleList<ConvModule>): Tensor =>
      convs.items.reduce((value, conv) => conv.forward(value), x);
    return [this.#retinaCls.forward(run(this.#clsConvs)), this.#retinaReg.forward(run(this.#regConvs))];
  }
}

const DEFAULT_ANCHORS = {
  type: 'AnchorGenerator',
  octave_base_scale: 4,
  scales_per_octave: 3,
  ratios: [0.5, 1, 2],
  strides: [8, 16, 32, 64, 128],
};

// The last layer starts out saying 1 % for every class, as the focal loss paper wants.
const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'retina_cls', std: 0.01, bias_prob: 0.01 },
};

MODELS.registerModule()(RetinaHead);
