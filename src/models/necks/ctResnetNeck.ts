// CenterNet's neck. Source: Zhou et al., "Objects as Points", 2019; mmdet 2.28.2 `models/necks/ct_resnet_neck.py`.

import type { Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  buildNormLayer,
  Conv2d,
  ConvModule,
  ConvTranspose2d,
  fillConstant,
  initCfgArg,
  Module,
  PlainSequential,
  type NormLayer,
} from '../../nn/index.ts';
import {
  declareArgs,
  flag,
  listOf,
  MODELS,
  optional,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at, take } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../backbones/backbone.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { countKind, type Neck } from './neck.ts';

const CT_RESNET_NECK_ARGS = declareArgs({
  in_channel: required(countKind, 'Channels of the last input level, the only one used.', 'channels'),
  num_deconv_filters: required(
    listOf(countKind),
    'Channels of each step, which doubles the size.',
    'channels',
  ),
  num_deconv_kernels: required(listOf(countKind), 'Kernel of the transposed convolution of each step.', 'px'),
  use_dcn: optional(flag, true, 'Whether 3x3 convolutions are deformable; only False is built.'),
  init_cfg: initCfgArg,
});

const NORM = { type: 'BN' };

/** A transposed convolution of stride 2 with norm and ReLU: MMCV's ConvModule with `conv_cfg=dict(type='deconv')`. */
class DeconvModule extends Module {
  override readonly className = 'ConvModule';
  readonly conv: ConvTranspose2d;
  readonly #norm: NormLayer;

  constructor(channels: number, kernelSize: number) {
    super();
    this.conv = this.addModule(
      'conv',
      new ConvTranspose2d({
        ...{ inChannels: channels, outChannels: channels, kernelSize },
        ...{ stride: 2, padding: 1, bias: false },
      }),
    );
    const [name, norm] = buildNormLayer(NORM, channels);
    this.#norm = this.addModule(name, norm);
  }

  forward(x: Tensor): Tensor {
    return this.#norm.forward(this.conv.forward(x), 'relu');
  }
}

/** The last level, made larger in steps. */
export class CTResNetNeck extends Module implements Neck {
  static readonly args = CT_RESNET_NECK_ARGS;
  static readonly part = 'neck';
  override readonly className = 'CTResNetNeck';
  readonly #inChannels: number;
  readonly #layers: PlainSequential;

  constructor(given: ArgsOf<typeof CT_RESNET_NECK_ARGS>) {
    super();
    const args = withDefaults(CT_RESNET_NECK_ARGS, given);
    const { inChannel, numDeconvFilters: filters, numDeconvKernels: kernels } = args;
    if (filters.length !== kernels.length)
      throw badValue(
        `num_deconv_kernels must have an entry for each of num_deconv_filters (${filters.length}), but has ${kernels.length}`,
      );
    if (args.useDcn)
      throw new ConfigError('CTResNetNeck: use_dcn=True (deformable convolution) is not supported', {
        code: 'unsupported',
        hint: 'write use_dcn=False, as centernet_resnet18_140e_coco does',
      });
    this.initCfg = args.initCfg;
    this.#inChannels = inChannel;
    const layers = filters.flatMap((channels, i) => {
      const inChannels = i === 0 ? inChannel : at(filters, i - 1);
      const sizes = { inChannels, outChannels: channels, kernelSize: 3, padding: 1 };
      return [new ConvModule({ ...sizes, normCfg: NORM }), new DeconvModule(channels, at(kernels, i))];
    });
    this.#layers = this.addModule('deconv_layers', new PlainSequential(layers));
  }

  /** @param inputs float32 [B, H, W, C] per level, of which the last is used; borrowed @returns one level, new */
  forward(inputs: readonly Tensor[]): Tensor[] {
    const x = at(inputs, inputs.length - 1);
    checkInputChannels(this.#inChannels, x, 'neck.in_channel');
    return [this.#layers.forward(x)];
  }

  /** As MMDetection's own `init_weights`: PyTorch's start, and transposed convolutions that begin as bilinear ones. */
  override async applyInitCfg(rng: Rng): Promise<void> {
    for (const [, module] of this.namedModules()) {
      if (module instanceof Conv2d || module instanceof ConvTranspose2d) module.resetParameters(rng);
      if (module instanceof ConvTranspose2d) await startBilinear(module);
      const { weight, bias } = Object.fromEntries(module.ownParameters());
      if (!module.baseNames.includes('_BatchNorm') || !weight || !bias) continue;
      fillConstant(weight, 1);
      fillConstant(bias, 0);
    }
  }
}

/** Of all filters, MMDetection sets the first of each input channel. */
async function startBilinear({ weight }: ConvTranspose2d): Promise<void> {
  const [inChannels, outChannels, height, width] = take(weight.shape, 4);
  const half = Math.ceil(height / 2);
  const centre = (2 * half - 1 - (half % 2)) / (2 * half);
  const share = (i: number): number => 1 - Math.abs(i / half - centre);
  const values = Float32Array.from(await weight.toTorch());
  for (let c = 0; c < inChannels; c++)
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++)
        values[(c * outChannels * height + i) * width + j] = share(i) * share(j);
  weight.fromTorch(values);
}

MODELS.registerModule()(CTResNetNeck);
