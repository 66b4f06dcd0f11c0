// YOLOF's neck. Source: Chen et al., "You Only Look One-level Feature", 2021; mmdet 2.28.2 `models/necks/dilated_encoder.py`.

import { add, type Tensor } from '../../gpu/index.ts';
import {
  BatchNorm2d,
  Conv2d,
  ConvModule,
  initialize,
  Module,
  PlainSequential,
  type InitOptions,
} from '../../nn/index.ts';
import {
  atLeast,
  declareArgs,
  int,
  listOf,
  MODELS,
  required,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import { at } from '../../util/at.ts';
import type { Rng } from '../../util/prng.ts';
import { badValue } from '../backbones/backbone.ts';
import { checkInputChannels } from '../inputChannels.ts';
import { countKind, outChannelsArg, type Neck } from './neck.ts';

const DILATED_ENCODER_ARGS = declareArgs({
  in_channels: required(countKind, 'Channels of the last input level, the only one used.', 'channels'),
  out_channels: outChannelsArg,
  block_mid_channels: required(countKind, "Channels of the blocks' 3x3 convolutions.", 'channels'),
  num_residual_blocks: required(atLeast(int, 0), 'How many blocks there are.', 'blocks'),
  block_dilations: required(listOf(countKind), 'The dilation of each block.', 'px'),
});

const NORM = { type: 'BN', requires_grad: true };

class DilatedBottleneck extends Module {
  override readonly className = 'Bottleneck';
  readonly #convs: readonly ConvModule[];

  constructor(channels: number, midChannels: number, dilation: number) {
    super();
    const conv = (inChannels: number, outChannels: number): ConvModule =>
      new ConvModule({ inChannels, outChannels, kernelSize: 1, normCfg: NORM });
    const wide = new ConvModule({
      ...{ inChannels: midChannels, outChannels: midChannels, normCfg: NORM },
      ...{ kernelSize: 3, padding: dilation, dilation },
    });
    this.#convs = [conv(channels, midChannels), wide, conv(midChannels, channels)];
    this.#convs.forEach((item, i) => this.addModule(`conv${i + 1}`, item));
  }

  forward(x: Tensor): Tensor {
    return add(
      this.#convs.reduce((value, conv) => conv.forward(value), x),
      x,
    );
  }
}

/** One level, its surroundings seen by ever wider dilated convolutions. */
export class DilatedEncoder extends Module implements Neck {
  static readonly args = DILATED_ENCODER_ARGS;
  static readonly part = 'neck';
  override readonly className = 'DilatedEncoder';
  readonly #lateral: readonly [Conv2d, BatchNorm2d];
  readonly #fpn: readonly [Conv2d, BatchNorm2d];
  readonly #blocks: PlainSequential;

  constructor(given: ArgsOf<typeof DILATED_ENCODER_ARGS>) {
    super();
    const args = withDefaults(DILATED_ENCODER_ARGS, given);
    const { inChannels, outChannels, blockMidChannels, numResidualBlocks, blockDilations } = args;
    if (blockDilations.length < numResidualBlocks)
      throw badValue(
        `block_dilations must have num_residual_blocks=${numResidualBlocks} entries, but has ${blockDilations.length}`,
      );
    const pair = (name: string, from: number, kernelSize: number): readonly [Conv2d, BatchNorm2d] => [
      this.addModule(
        `${name}_conv`,
        new Conv2d({ inChannels: from, outChannels, kernelSize, padding: (kernelSize - 1) / 2 }),
      ),
      this.addModule(`${name}_norm`, new BatchNorm2d({ numFeatures: outChannels })),
    ];
    this.#lateral = pair('lateral', inChannels, 1);
    this.#fpn = pair('fpn', outChannels, 3);
    const blocks = Array.from(
      { length: numResidualBlocks },
      (_, i) => new DilatedBottleneck(outChannels, blockMidChannels, at(blockDilations, i)),
    );
    this.#blocks = this.addModule('dilated_encoder_blocks', new PlainSequential(blocks));
  }

  /** @param inputs float32 [B, H, W, C] per level, of which the last is used; borrowed @returns one level, new */
  forward(inputs: readonly Tensor[]): Tensor[] {
    const x = at(inputs, inputs.length - 1);
    checkInputChannels(this.#lateral[0].inChannels, x, 'neck.in_channels');
    const y = [this.#lateral, this.#fpn].reduce(
      (value, [conv, norm]) => norm.forward(conv.forward(value)),
      x,
    );
    return [this.#blocks.forward(y)];
  }

  /** As MMDetection's own `init_weights`; there is no `init_cfg`. */
  override async applyInitCfg(rng: Rng, options: InitOptions): Promise<void> {
    for (const [conv] of [this.#lateral, this.#fpn])
      await initialize(conv, { type: 'Caffe2Xavier', layer: 'Conv2d' }, rng, options);
    const blocks = [
      { type: 'Normal', std: 0.01, layer: 'Conv2d' },
      { type: 'Constant', val: 1, layer: '_BatchNorm' },
    ];
    await initialize(this.#blocks, blocks, rng, options);
  }
}

MODELS.registerModule()(DilatedEncoder);
