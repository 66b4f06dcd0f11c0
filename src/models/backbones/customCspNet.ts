// NanoDet-g's backbone. Source: github.com/RangiLyu/nanodet 0.x `model/backbone/custom_csp.py`: names of arguments and parameters.

import { concat, maxPool2d, type Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import { ConvModule, initCfgArg, Module, ModuleList, NORM_CFG, Sequential } from '../../nn/index.ts';
import {
  anything,
  atLeast,
  declareArgs,
  int,
  listOf,
  MODELS,
  oneOf,
  optional,
  orNone,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { firstTrainable, runFrozen } from '../frozenStages.ts';
import { checkInputChannels } from '../inputChannels.ts';
import type { Backbone } from './resnet.ts';

const NORM = { type: 'BN', requires_grad: true };

export const NANODET_ACTIVATION = oneOf('LeakyReLU', 'ReLU', 'ReLU6', 'SiLU');

/** What upstream's names of activations stand for: its LeakyReLU has the slope 0.1. */
export function activationCfg(name: string): Readonly<Record<string, unknown>> {
  return name === 'LeakyReLU' ? { type: name, negative_slope: 0.1 } : { type: name };
}

const CSP_NET_ARGS = declareArgs({
  net_cfg: required(
    listOf(listOf(anything)),
    "Its stages: ['Conv', in, out, kernel, stride], ['MaxPool', kernel, stride] or ['CspBlock', channels, blocks, kernel, stride].",
  ),
  out_stages: required(listOf(atLeast(int, 0)), 'Which stages give a feature map, from 0 on.'),
  norm_cfg: optional(orNone(NORM_CFG), NORM, 'The norm behind each convolution; None: none, and a bias.'),
  activation: optional(NANODET_ACTIVATION, 'LeakyReLU', 'The activation behind each convolution.'),
  init_cfg: initCfgArg,
});

interface ConvSettings {
  readonly kernelSize: number;
  readonly normCfg: Readonly<Record<string, unknown>> | null;
  readonly actCfg: Readonly<Record<string, unknown>>;
}

const conv = (settings: ConvSettings, inChannels: number, outChannels: number, stride = 1): ConvModule =>
  new ConvModule({ ...settings, inChannels, outChannels, stride, padding: (settings.kernelSize - 1) >> 1 });

/** A convolution to half the channels and another behind it, side by side. */
class TinyResBlock extends Module {
  override readonly className = 'TinyResBlock';
  readonly #inConv: ConvModule;
  readonly #midConv: ConvModule;

  constructor(channels: number, settings: ConvSettings) {
    super();
    this.#inConv = this.addModule('in_conv', conv(settings, channels, channels / 2));
    this.#midConv = this.addModule('mid_conv', conv(settings, channels / 2, channels / 2));
  }

  forward(x: Tensor): Tensor {
    const half = this.#inConv.forward(x);
    return concat([this.#midConv.forward(half), half], 3);
  }
}

/** A convolution, and beside it blocks and another convolution: twice the channels come out. */
class CspBlock extends Module {
  override readonly className = 'CspBlock';
  readonly #inConv: ConvModule;
  readonly #resBlocks: Sequential;
  readonly #resOutConv: ConvModule;

  constructor(channels: number, blocks: number, stride: number, settings: ConvSettings) {
    super();
    this.#inConv = this.addModule('in_conv', conv(settings, channels, channels, stride));
    this.#resBlocks = this.addModule(
      'res_blocks',
      new Sequential(Array.from({ length: blocks }, () => new TinyResBlock(channels, settings))),
    );
    this.#resOutConv = this.addModule('res_out_conv', conv(settings, channels, channels));
  }

  forward(x: Tensor): Tensor {
    const y = this.#inConv.forward(x);
    return concat([this.#resOutConv.forward(this.#resBlocks.forward(y)), y], 3);
  }
}

/** Max pooling, torch's `MaxPool2d` with half the kernel as padding. */
class MaxPool extends Module {
  override readonly className = 'MaxPool2d';
  readonly #kernel: number;
  readonly #stride: number;

  constructor(kernel: number, stride: number) {
    super();
    this.#kernel = kernel;
    this.#stride = stride;
  }

  forward(x: Tensor): Tensor {
    const pair = (n: number): readonly [number, number] => [n, n];
    return maxPool2d(x, pair(this.#kernel), pair(this.#stride), pair((this.#kernel - 1) >> 1));
  }
}

type Stage = ConvModule | CspBlock | MaxPool;

export class CustomCspNet extends Module implements Backbone {
  static readonly args = CSP_NET_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'CustomCspNet';
  readonly #stages: ModuleList<Stage>;
  readonly #outStages: readonly number[];

  constructor(args: ArgsOf<typeof CSP_NET_ARGS>) {
    super();
    const { netCfg, outStages, normCfg, activation, initCfg } = withDefaults(CSP_NET_ARGS, args);
    const outside = outStages.find((i) => i >= netCfg.length);
    if (outside !== undefined)
      throw new ConfigError(
        `out_stages must be below the ${netCfg.length} stages of net_cfg, but has ${outside}`,
        {
          code: 'bad-value',
          hint: `net_cfg has the stages 0 to ${netCfg.length - 1}`,
        },
      );
    this.initCfg = initCfg ?? [
      { type: 'Kaiming', layer: 'Conv2d', nonlinearity: activation === 'LeakyReLU' ? 'leaky_relu' : 'relu' },
      { type: 'Constant', val: 1, layer: '_BatchNorm' },
    ];
    const settings = { normCfg, actCfg: activationCfg(activation) };
    this.#outStages = outStages;
    this.#stages = this.addModule(
      'stages',
      new ModuleList(netCfg.map((cfg, i) => buildStage(cfg, settings, `net_cfg[${i}]`))),
    );
  }

  forward(x: Tensor): Tensor[] {
    const [first] = this.#stages.items;
    if (first instanceof ConvModule) checkInputChannels(first.conv.inChannels, x, 'backbone.net_cfg[0][1]');
    const outputs: Tensor[] = [];
    const trainable = firstTrainable(this.#stages.items);
    this.#stages.items.reduce((value, stage, i) => {
      const y = runFrozen(i < trainable, () => stage.forward(value));
      if (this.#outStages.includes(i)) outputs.push(y);
      return y;
    }, x);
    return outputs;
  }
}

function buildStage(
  [type, ...numbers]: readonly unknown[],
  settings: Omit<ConvSettings, 'kernelSize'>,
  path: string,
): Stage {
  const wanted = { Conv: 4, MaxPool: 2, CspBlock: 4 }[String(type)];
  if (wanted === undefined || numbers.length !== wanted || !numbers.every(isCount))
    throw new ConfigError(
      `${path} must be ['Conv', in, out, kernel, stride], ['MaxPool', kernel, stride] or ['CspBlock', channels, blocks, kernel, stride], but got ${JSON.stringify([type, ...numbers])}`,
      { code: 'bad-value', hint: "NanoDet-g begins with ['Conv', 3, 32, 3, 2], ['MaxPool', 3, 2]" },
    );
  const [a = 0, b = 0, c = 0, d = 0] = numbers;
  switch (type) {
    case 'Conv':
      return conv({ ...settings, kernelSize: c }, a, b, d);
    case 'MaxPool':
      return new MaxPool(a, b);
    default:
      if (a % 2 === 0) return new CspBlock(a, b, d, { ...settings, kernelSize: c });
      throw new ConfigError(`${path}: a CspBlock must have an even number of channels, but got ${a}`, {
        code: 'bad-value',
      });
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0;
}

MODELS.registerModule()(CustomCspNet);
