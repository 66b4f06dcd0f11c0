// NanoDet's head. Source: github.com/RangiLyu/nanodet 0.x `model/head/{gfl_head,nanodet_head}.py`: names of arguments and
// parameters, losses (those of GFL).

import { slice, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { Conv2d, ConvModule, ModuleList, NORM_CFG } from '../../nn/index.ts';
import {
  atLeast,
  built,
  declareArgs,
  flag,
  int,
  MODELS,
  oneOf,
  optional,
  orNone,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { toFloat32, TorchTensor } from '../../serialization/pth/index.ts';
import { at, take } from '../../util/at.ts';
import { activationCfg, NANODET_ACTIVATION } from '../backbones/customCspNet.ts';
import '../bbox/atssAssigner.ts';
import { DISTRIBUTION_HEAD_ARGS, DistributionHead } from './distributionHead.ts';
import { Integral } from './integral.ts';

/** A cell's anchor is 8 strides wide; its centre is the cell's. */
const ANCHORS = {
  type: 'AnchorGenerator',
  ratios: [1],
  octave_base_scale: 8,
  scales_per_octave: 1,
  strides: [8, 16, 32],
  center_offset: 0.5,
};

const NANODET_HEAD_ARGS = declareArgs({
  ...DISTRIBUTION_HEAD_ARGS.table,
  anchor_generator: optional(built('PRIOR_GENERATORS'), ANCHORS, 'The cells of each level.'),
  conv_type: optional(oneOf('Conv'), 'Conv', 'Whole convolutions; upstream has depthwise ones too.'),
  stacked_convs: optional(atLeast(int, 0), 2, 'Convolutions before the last one.'),
  share_cls_reg: optional(flag, false, 'Whether classes and boxes come from the same convolutions.'),
  norm_cfg: optional(
    orNone(NORM_CFG),
    { type: 'BN', requires_grad: true },
    'The norm behind each convolution; None: none, and a bias.',
  ),
  activation: optional(NANODET_ACTIVATION, 'LeakyReLU', 'The activation behind each convolution.'),
});

const DEFAULT_INIT = {
  type: 'Normal',
  layer: 'Conv2d',
  std: 0.01,
  override: { type: 'Normal', name: 'gfl_cls', std: 0.01, bias: -4.595 },
};

/** Convolutions of its own for each level; the last ones are 1x1. */
export class NanoDetHead extends DistributionHead {
  static readonly args = NANODET_HEAD_ARGS;
  override readonly className = 'NanoDetHead';
  protected override readonly integral: Integral;
  readonly #clsConvs: ModuleList<ModuleList<ConvModule>>;
  readonly #regConvs: ModuleList<ModuleList<ConvModule>>;
  readonly #gflCls: ModuleList<Conv2d>;
  /** Null where the boxes come with the classes. */
  readonly #gflReg: ModuleList<Conv2d> | null;

  constructor(args: ArgsOf<typeof NANODET_HEAD_ARGS>, context: BuildContext) {
    const complete = withDefaults(NANODET_HEAD_ARGS, args);
    super({ ...complete, initCfg: complete.initCfg ?? DEFAULT_INIT }, context);
    const { inChannels, featChannels, stackedConvs, normCfg, shareClsReg } = complete;
    if (stackedConvs === 0 && inChannels !== featChannels)
      throw new ConfigError(
        `feat_channels must be in_channels=${inChannels} without convolutions, but is ${featChannels}`,
        {
          code: 'bad-value',
        },
      );
    const actCfg = activationCfg(complete.activation);
    const convs = (length: number): ModuleList<ConvModule> =>
      new ModuleList(
        Array.from(
          { length },
          (_, i) =>
            new ConvModule({
              inChannels: i === 0 ? inChannels : featChannels,
              outChannels: featChannels,
              kernelSize: 3,
              padding: 1,
              normCfg,
              actCfg,
            }),
        ),
      );
    const { strides } = this.generator;
    const last = (outChannels: number): Conv2d =>
      new Conv2d({ inChannels: featChannels, outChannels, kernelSize: 1 });
    this.integral = this.addModule('distribution_project', new Integral(complete.regMax));
    this.#clsConvs = this.addModule('cls_convs', new ModuleList(strides.map(() => convs(stackedConvs))));
    this.#regConvs = this.addModule(
      'reg_convs',
      new ModuleList(strides.map(() => convs(shareClsReg ? 0 : stackedConvs))),
    );
    const scores = this.clsOutChannels + (shareClsReg ? this.boxChannels : 0);
    this.#gflCls = this.addModule('gfl_cls', new ModuleList(strides.map(() => last(scores))));
    this.#gflReg = shareClsReg
      ? null
      : this.addModule('gfl_reg', new ModuleList(strides.map(() => last(this.boxChannels))));
  }

  /** Weights of other classes: what says the boxes is taken, the classes start anew. */
  override async fitState(state: Map<string, TorchTensor>): Promise<readonly string[]> {
    if (this.#gflReg) return [];
    const notes: string[] = [];
    for (const conv of this.#gflCls.items)
      for (const parameter of conv.ownParameters().values()) {
        const { name, shape } = parameter;
        const given = state.get(name);
        const [rows = 0, ...rest] = given?.shape ?? [];
        if (!given || rows === shape[0] || rows <= this.boxChannels || rest.join() !== shape.slice(1).join())
          continue;
        const data = await parameter.toTorch();
        const boxes = (data.length / (shape[0] ?? 1)) * this.boxChannels;
        data.set(toFloat32(given.dtype, given.data).subarray(-boxes), data.length - boxes);
        state.set(name, new TorchTensor({ shape, dtype: 'float32', data }));
        if (notes.length === 0)
          notes.push(
            `its ${rows - this.boxChannels} classes are not the ${this.numClasses} of the config: they start anew, the boxes are taken`,
          );
      }
    return notes;
  }

  protected override forwardSingle(x: Tensor, level: number): readonly [Tensor, Tensor] {
    const run = (convs: ModuleList<ConvModule>): Tensor =>
      convs.items.reduce((value, conv) => conv.forward(value), x);
    const all = at(this.#gflCls.items, level).forward(run(at(this.#clsConvs.items, level)));
    if (this.#gflReg)
      return [all, at(this.#gflReg.items, level).forward(run(at(this.#regConvs.items, level)))];
    const [batch, height, width] = take(all.shape, 3);
    const part = (start: number, size: number): Tensor =>
      slice(all, [0, 0, 0, start], [batch, height, width, size]);
    return [part(0, this.clsOutChannels), part(this.clsOutChannels, this.boxChannels)];
  }
}

MODELS.registerModule()(NanoDetHead);
