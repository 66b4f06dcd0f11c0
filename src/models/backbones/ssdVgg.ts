// SSD's VGG. Sources: Simonyan and Zisserman 2015; mmdet 2.28.2 `models/backbones/ssd_vgg.py`; mmcv 1.7.2 `cnn/vgg.py`.

import { maxPool2d, relu, type Tensor } from '../../gpu/index.ts';
import { Conv2d, initCfgArg, Module, PlainSequential, type Layer } from '../../nn/index.ts';
import {
  absent,
  anything,
  atLeast,
  declareArgs,
  flag,
  int,
  listOf,
  MODELS,
  oneOf,
  optional,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { backboneInitCfg, badValue, pretrainedArg, runStages, type Backbone } from './backbone.ts';

/** Convolutions of the five stages by depth. */
const STAGES = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const;

const SSD_VGG_ARGS = declareArgs({
  depth: required(oneOf(11, 13, 16, 19), 'How many layers VGG has.', 'layers'),
  with_last_pool: optional(flag, false, "Whether VGG's last pooling is there."),
  ceil_mode: optional(flag, true, 'Whether pooling rounds sizes up.'),
  out_indices: optional(listOf(atLeast(int, 0)), [3, 4], 'Changes nothing: out_feature_indices says it.'),
  out_feature_indices: optional(
    listOf(atLeast(int, 0)),
    [22, 34],
    'Which layers give a feature map, activations and poolings counted.',
  ),
  pretrained: pretrainedArg,
  init_cfg: initCfgArg,
  input_size: absent(anything, 'Deprecated; changes nothing.'),
  l2_norm_scale: absent(anything, "Deprecated; changes nothing: SSDNeck's says it."),
});

const INIT = [
  { type: 'Kaiming', layer: 'Conv2d' },
  { type: 'Constant', val: 1, layer: 'BatchNorm2d' },
  { type: 'Normal', std: 0.01, layer: 'Linear' },
];

class ReLU extends Module {
  override readonly className = 'ReLU';

  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** torch's `MaxPool2d` with a square window. */
export class MaxPool2d extends Module {
  override readonly className = 'MaxPool2d';
  readonly #window: readonly [number, number, number];
  readonly #ceilMode: boolean;

  constructor(kernelSize: number, stride: number, padding = 0, ceilMode = false) {
    super();
    this.#window = [kernelSize, stride, padding];
    this.#ceilMode = ceilMode;
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H', W', C], new */
  forward(x: Tensor): Tensor {
    const [kernel, stride, padding] = this.#window;
    return maxPool2d(x, [kernel, kernel], [stride, stride], [padding, padding], this.#ceilMode);
  }
}

/** The parameter-free layers between VGG's convolutions have places of their own in `features`, as in MMCV. */
export class SSDVGG extends Module implements Backbone {
  static readonly args = SSD_VGG_ARGS;
  static readonly part = 'backbone';
  override readonly className = 'SSDVGG';
  override readonly baseNames = ['VGG', 'BaseModule'];
  readonly #features: PlainSequential;
  readonly #outIndices: readonly number[];

  constructor(args: ArgsOf<typeof SSD_VGG_ARGS>, context?: BuildContext) {
    super();
    const complete = withDefaults(SSD_VGG_ARGS, args);
    const { depth, withLastPool, ceilMode, outFeatureIndices } = complete;
    this.initCfg = backboneInitCfg(complete, INIT);
    let inChannels = 3;
    const conv = (outChannels: number, kernelSize: number, dilation = 1): Layer[] => {
      const padding = ((kernelSize - 1) / 2) * dilation;
      const layer = new Conv2d({ inChannels, outChannels, kernelSize, padding, dilation });
      inChannels = outChannels;
      return [layer, new ReLU()];
    };
    const vgg = STAGES[depth].flatMap((count, i) => [
      ...Array.from({ length: count }).flatMap(() => conv(64 * 2 ** Math.min(i, 3), 3)),
      new MaxPool2d(2, 2, 0, ceilMode),
    ]);
    const layers = [
      ...(withLastPool ? vgg : vgg.slice(0, -1)),
      new MaxPool2d(3, 1, 1),
      ...conv(1024, 3, 6),
      ...conv(1024, 1),
    ];
    checkOutputs(outFeatureIndices, layers.length, context);
    this.#outIndices = outFeatureIndices;
    this.#features = this.addModule('features', new PlainSequential(layers));
  }

  forward(x: Tensor): Tensor[] {
    checkInputChannels(3, x, 'backbone');
    return runStages(x, this.#features.items, this.#outIndices);
  }
}

function checkOutputs(indices: readonly number[], count: number, context: BuildContext | undefined): void {
  const missing = indices.filter((i) => i >= count);
  const maps = new Set(indices).size - new Set(missing).size;
  if (maps === 0)
    throw badValue(
      `out_feature_indices must name one of its ${count} layers, but has ${indices.join(', ')}`,
      'VGG-16 gives 22 and 34',
    );
  if (missing.length > 0)
    context?.report({
      severity: 'warning',
      code: 'no-effect',
      path: 'out_feature_indices',
      message: `SSDVGG: out_feature_indices has ${missing.join(', ')}, but there are ${count} layers; ${maps} feature map${maps > 1 ? 's come' : ' comes'} out`,
      hint: 'VGG-16 gives 22 and 34',
    });
}

MODELS.registerModule()(SSDVGG);
