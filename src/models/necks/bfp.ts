// Balanced feature pyramid (Libra R-CNN). Source: Pang et al., "Libra R-CNN", 2019; mmdet 2.28.2 `models/necks/bfp.py`;
// mmcv 1.7.2 `cnn/bricks/non_local.py`.

import {
  adaptiveMaxPool2d,
  add,
  concat,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  upsampleNearest2d,
  type Tensor,
} from '../../gpu/index.ts';
import {
  convCfgArg,
  ConvModule,
  INIT_CFG,
  initialize,
  Module,
  NORM_CFG,
  type InitOptions,
  type Layer,
  type LayerCfg,
} from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  int,
  MODELS,
  oneOf,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at, take } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../backbones/backbone.ts';
import { sizeOf } from '../levelSizes.ts';
import { checkLevels, countKind, type Neck } from './neck.ts';

const BFP_ARGS = declareArgs({
  in_channels: required(countKind, 'Channels of every level.', 'channels'),
  num_levels: required(countKind, 'How many levels go in and come out.', 'levels'),
  refine_level: optional(atLeast(int, 0), 2, 'The level on whose size all are joined.'),
  refine_type: optional(
    orNone(oneOf('conv', 'non_local')),
    null,
    'What the joined level goes through; None: nothing.',
  ),
  conv_cfg: convCfgArg,
  norm_cfg: optional(orNone(NORM_CFG), null, 'The norm of what refines; None: none.'),
  init_cfg: optional(
    orNone(INIT_CFG),
    { type: 'Xavier', layer: 'Conv2d', distribution: 'uniform' },
    'What weights start at.',
  ),
});

/** The average of all levels, refined, added to each of them. */
export class BFP extends Module implements Neck {
  static readonly args = BFP_ARGS;
  static readonly part = 'neck';
  override readonly className = 'BFP';
  readonly #inChannels: readonly number[];
  readonly #refineLevel: number;
  readonly #refine: Layer | null = null;

  constructor(given: ArgsOf<typeof BFP_ARGS>) {
    super();
    const args = withDefaults(BFP_ARGS, given);
    const { inChannels, numLevels, refineLevel, refineType, convCfg, normCfg } = args;
    if (refineLevel >= numLevels)
      throw badValue(`refine_level must be below num_levels=${numLevels}, but got ${refineLevel}`);
    this.initCfg = args.initCfg;
    this.#inChannels = Array.from({ length: numLevels }, () => inChannels);
    this.#refineLevel = refineLevel;
    const widths = { inChannels, outChannels: inChannels, convCfg, normCfg };
    if (refineType === 'conv')
      this.#refine = this.addModule('refine', new ConvModule({ ...widths, kernelSize: 3, padding: 1 }));
    if (refineType === 'non_local')
      this.#refine = this.addModule('refine', new NonLocal2d(inChannels, convCfg, normCfg));
  }

  forward(inputs: readonly Tensor[]): Tensor[] {
    checkLevels(this.#inChannels, inputs);
    const size = sizeOf(at(inputs, this.#refineLevel));
    const gathered = inputs.map((x, i) =>
      i < this.#refineLevel ? adaptiveMaxPool2d(x, size) : upsampleNearest2d(x, size),
    );
    const average = mul(
      gathered.reduce((total, x) => add(total, x)),
      1 / gathered.length,
    );
    const refined = this.#refine ? this.#refine.forward(average) : average;
    return inputs.map((x, i) => {
      const own = sizeOf(x);
      return add(
        i < this.#refineLevel ? upsampleNearest2d(refined, own) : adaptiveMaxPool2d(refined, own),
        x,
      );
    });
  }
}

/** Each pixel gets what all pixels say, by how alike they are: embedded Gaussian, as many channels inside, no scale. */
export class NonLocal2d extends Module {
  override readonly className = 'NonLocal2d';
  readonly #g: ConvModule;
  readonly #convOut: ConvModule;
  readonly #theta: ConvModule;
  readonly #phi: ConvModule;

  constructor(channels: number, convCfg: LayerCfg, normCfg: LayerCfg) {
    super();
    const conv = (name: string, norm: LayerCfg = null): ConvModule =>
      this.addModule(
        name,
        new ConvModule({
          ...{ inChannels: channels, outChannels: channels, kernelSize: 1 },
          ...{ convCfg, normCfg: norm, actCfg: null },
        }),
      );
    this.#g = conv('g');
    this.#convOut = conv('conv_out', normCfg);
    this.#theta = conv('theta');
    this.#phi = conv('phi');
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns the same shape, new */
  forward(x: Tensor): Tensor {
    const [batch, height, width, channels] = take(x.shape, 4);
    const pixels = height * width;
    const [g, theta, phi] = [this.#g.forward(x), this.#theta.forward(x), this.#phi.forward(x)];
    const mixed = Array.from({ length: batch }, (_, b) => {
      const rows = (all: Tensor): Tensor =>
        reshape(slice(all, [b, 0, 0, 0], [1, height, width, channels]), [pixels, channels]);
      const alike = softmax(matMul(rows(theta), rows(phi), false, true));
      return reshape(matMul(alike, rows(g)), [1, height, width, channels]);
    });
    return add(x, this.#convOut.forward(concat(mixed, 0)));
  }

  /** MMCV's own start: small values, and nothing comes out. */
  override async applyInitCfg(rng: Rng, options: InitOptions): Promise<void> {
    for (const { conv } of [this.#g, this.#theta, this.#phi])
      await initialize(conv, { type: 'Normal', std: 0.01, layer: 'Conv2d' }, rng, options);
    const last = this.#convOut.norm ?? this.#convOut.conv;
    const layer = [last.className, ...last.baseNames];
    await initialize(last, { type: 'Constant', val: 0, layer }, rng, options);
  }
}

MODELS.registerModule()(BFP);
