// ResNet. Source: mmdet 2.28.2 `models/backbones/resnet.py`.

import { maxPool2d, noGrad, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import {
  buildConvLayer,
  buildNormLayer,
  Module,
  type Conv2d,
  type LayerCfg,
  type NormLayer,
} from '../../nn/index.ts';
import { MODELS, type ArgSpec, type BuildContext } from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { BasicBlock, Bottleneck, ResLayer, type BlockStyle, type BlockType } from './resBlocks.ts';

/** Pictures in, a pyramid of feature maps out. */
export interface Backbone extends Module {
  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H / s, W / s, C'] for each of `out_indices` */
  forward(x: Tensor): Tensor[];
}

export interface ResNetArgs {
  depth: number;
  inChannels?: number;
  stemChannels?: number | null;
  baseChannels?: number;
  numStages?: number;
  strides?: readonly number[];
  dilations?: readonly number[];
  outIndices?: readonly number[];
  style?: BlockStyle;
  deepStem?: boolean;
  avgDown?: boolean;
  /** Freeze the stem (>= 0) and so many stages; -1: nothing. */
  frozenStages?: number;
  convCfg?: LayerCfg;
  normCfg?: Readonly<Record<string, unknown>>;
  /** Keep the running statistics of batch norm as they are. */
  normEval?: boolean;
  dcn?: unknown;
  stageWithDcn?: unknown;
  plugins?: unknown;
  withCp?: boolean;
  /** Start the last norm of each block at 0, so that blocks begin as identities. */
  zeroInitResidual?: boolean;
  pretrained?: string | null;
  initCfg?: unknown;
}

const ARCHITECTURES: ReadonlyMap<number, readonly [BlockType, readonly number[]]> = new Map([
  [18, [BasicBlock, [2, 2, 2, 2]]],
  [34, [BasicBlock, [3, 4, 6, 3]]],
  [50, [Bottleneck, [3, 4, 6, 3]]],
  [101, [Bottleneck, [3, 4, 23, 3]]],
  [152, [Bottleneck, [3, 8, 36, 3]]],
]);

export class ResNet extends Module implements Backbone {
  static readonly args: ArgSpec = {
    required: ['depth'],
    optional: [
      'in_channels',
      'stem_channels',
      'base_channels',
      'num_stages',
      'strides',
      'dilations',
      'out_indices',
      'style',
      'deep_stem',
      'avg_down',
      'frozen_stages',
      'conv_cfg',
      'norm_cfg',
      'norm_eval',
      'dcn',
      'stage_with_dcn',
      'plugins',
      'with_cp',
      'zero_init_residual',
      'pretrained',
      'init_cfg',
    ],
    kinds: {
      depth: 'int',
      in_channels: 'positive int',
      stem_channels: 'positive int?',
      base_channels: 'positive int',
      num_stages: 'int',
      strides: 'positive ints',
      dilations: 'positive ints',
      out_indices: 'ints',
      frozen_stages: 'int',
      norm_cfg: 'dict',
      norm_eval: 'bool',
      pretrained: 'str?',
    },
  };
  override readonly className = 'ResNet';
  readonly #conv1: Conv2d;
  readonly #norm1: NormLayer;
  readonly #stages: readonly ResLayer[];
  readonly #outIndices: readonly number[];
  readonly #frozenStages: number;
  readonly #normEval: boolean;

  constructor(args: ResNetArgs, context?: BuildContext) {
    super();
    const { depth, inChannels = 3, baseChannels = 64, numStages = 4, style = 'pytorch' } = args;
    const { strides = [1, 2, 2, 2], dilations = [1, 1, 1, 1], outIndices = [0, 1, 2, 3] } = args;
    const { convCfg = null, normCfg = { type: 'BN', requires_grad: true } } = args;
    const architecture = ARCHITECTURES.get(depth);
    if (!architecture)
      throw bad(`depth must be one of ${[...ARCHITECTURES.keys()].join(', ')}, but got ${depth}`);
    checkArgs(args, { numStages, strides, dilations, outIndices });
    if (args.withCp)
      context?.services.warn(
        'ResNet: with_cp=True is ignored; activations are kept instead of computed again',
      );
    const [block, blockCounts] = architecture;
    this.#outIndices = outIndices;
    this.#frozenStages = args.frozenStages ?? -1;
    this.#normEval = args.normEval ?? true;
    this.initCfg = resolveInitCfg(args);
    const isDefaultInit = (args.initCfg ?? null) === null && (args.pretrained ?? null) === null;
    const zeroInit = isDefaultInit && (args.zeroInitResidual ?? true);
    const blockInitCfg = zeroInit ? { type: 'Constant', val: 0, override: { name: block.lastNorm } } : null;

    const stemChannels = args.stemChannels ?? baseChannels;
    const stem = { inChannels, outChannels: stemChannels, kernelSize: 7, stride: 2, padding: 3, bias: false };
    this.#conv1 = this.addModule('conv1', buildConvLayer(convCfg, stem));
    const [normName, norm1] = buildNormLayer(normCfg, stemChannels, 1);
    this.#norm1 = this.addModule(normName, norm1);
    let inplanes = stemChannels;
    this.#stages = blockCounts.slice(0, numStages).map((numBlocks, i) => {
      const planes = baseChannels * 2 ** i;
      const stage = new ResLayer({
        block,
        numBlocks,
        inplanes,
        planes,
        stride: strides[i],
        dilation: dilations[i],
        style,
        convCfg,
        normCfg,
        initCfg: blockInitCfg,
      });
      inplanes = planes * block.expansion;
      return this.addModule(`layer${i + 1}`, stage);
    });
    this.#freeze();
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(this.#conv1.inChannels, x, 'backbone.in_channels');
    // Nothing is recorded below the first part that needs a gradient. A hook may have thawed what was frozen.
    let isFrozen = !isTrainable(this.#conv1) && !isTrainable(this.#norm1);
    let y = isFrozen ? noGrad(() => this.#forwardStem(x)) : this.#forwardStem(x);
    const outputs: Tensor[] = [];
    this.#stages.forEach((stage, i) => {
      const input = y;
      isFrozen &&= !isTrainable(stage);
      y = isFrozen ? noGrad(() => stage.forward(input)) : stage.forward(input);
      if (this.#outIndices.includes(i)) outputs.push(y);
    });
    return outputs;
  }

  override train(mode = true): this {
    super.train(mode);
    this.#freeze();
    if (mode && this.#normEval) {
      for (const [, module] of this.namedModules())
        if (module.baseNames.includes('_BatchNorm')) module.eval();
    }
    return this;
  }

  override attribute(name: string): Module | undefined {
    return name === 'norm1' ? this.#norm1 : super.attribute(name);
  }

  #forwardStem(x: Tensor): Tensor {
    return maxPool2d(this.#norm1.forward(this.#conv1.forward(x), 'relu'), [3, 3], [2, 2], [1, 1]);
  }

  #freeze(): void {
    if (this.#frozenStages < 0) return;
    this.#norm1.eval();
    this.#conv1.requiresGrad(false);
    this.#norm1.requiresGrad(false);
    for (const stage of this.#stages.slice(0, this.#frozenStages)) stage.eval().requiresGrad(false);
  }
}

const isTrainable = (module: Module): boolean =>
  module.parameters().some((parameter) => parameter.requiresGrad);

function checkArgs(
  args: ResNetArgs,
  shape: {
    numStages: number;
    strides: readonly number[];
    dilations: readonly number[];
    outIndices: readonly number[];
  },
): void {
  const { numStages, strides, dilations, outIndices } = shape;
  const { style = 'pytorch', frozenStages = -1 } = args;
  if (!Number.isInteger(numStages) || numStages < 1 || numStages > 4)
    throw bad(`num_stages must be 1 to 4, but got ${numStages}`);
  if (strides.length !== numStages || dilations.length !== numStages)
    throw bad(
      `strides and dilations must have num_stages=${numStages} entries, but got ${strides.length} and ${dilations.length}`,
    );
  const outOfRange = outIndices.find((i) => !(i >= 0 && i < numStages));
  if (outOfRange !== undefined)
    throw bad(`out_indices must be below num_stages=${numStages}, but got ${outOfRange}`);
  if (style !== 'pytorch' && style !== 'caffe')
    throw bad(`style must be 'pytorch' or 'caffe', but got '${String(style)}'`);
  if (!(frozenStages >= -1 && frozenStages <= numStages))
    throw bad(`frozen_stages must be -1 to num_stages=${numStages}, but got ${frozenStages}`);
  for (const [name, value] of Object.entries({
    dcn: args.dcn,
    plugins: args.plugins,
    deep_stem: args.deepStem,
    avg_down: args.avgDown,
  })) {
    if (value)
      throw new ConfigError(
        `${name} is not built: it must be ${typeof value === 'boolean' ? 'False' : 'None'}`,
        {
          code: 'unsupported',
        },
      );
  }
}

function resolveInitCfg(args: ResNetArgs): unknown {
  const { initCfg = null, pretrained = null } = args;
  if (initCfg !== null && pretrained !== null) throw bad('init_cfg and pretrained must not be given both');
  if (pretrained !== null) return { type: 'Pretrained', checkpoint: pretrained };
  return (
    initCfg ?? [
      { type: 'Kaiming', layer: 'Conv2d' },
      { type: 'Constant', val: 1, layer: ['_BatchNorm', 'GroupNorm'] },
    ]
  );
}

function bad(message: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value' });
}

MODELS.registerModule()(ResNet);
