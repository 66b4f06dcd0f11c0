import type { Activation, Tensor } from '../../gpu/index.ts';
import { Module } from '../module.ts';
import type { NormLayer } from './build.ts';
import type { Conv2d } from './conv2d.ts';
import type { Layer } from './sequential.ts';

/**
 * Layers in a row as PyTorch's own `Sequential`, which has no `init_weights`: the `init_cfg`s below it are not looked at.
 * @param layers named 0, 1, 2… or as given
 */
export class PlainSequential extends Module {
  override readonly className: string = 'Sequential';
  readonly items: readonly Layer[];

  constructor(layers: readonly Layer[] | Readonly<Record<string, Layer>>) {
    super();
    this.items = Object.entries(layers).map(([name, layer]) => this.addModule(name, layer));
  }

  /** @param x borrowed @returns a new tensor */
  forward(x: Tensor): Tensor {
    return this.items.reduce((value, layer) => layer.forward(value), x);
  }

  override async applyInitCfg(): Promise<void> {
    // See the class comment.
  }
}

export interface ConvNorm {
  readonly conv: Conv2d;
  readonly norm: NormLayer;
  readonly activation?: Activation;
}

/**
 * Convolutions, each with its norm and its activation, in one PyTorch `Sequential`: `0` and `1`, and an activation counts
 * as a layer, too.
 * @param first the name of the first layer, where others without parameters come before it
 */
export class ConvNormSequential extends Module {
  override readonly className = 'Sequential';
  readonly steps: readonly ConvNorm[];

  constructor(steps: readonly ConvNorm[], first = 0) {
    super();
    this.steps = steps;
    let next = first;
    for (const { conv, norm, activation } of steps) {
      this.addModule(String(next), conv);
      this.addModule(String(next + 1), norm);
      next += activation === undefined ? 2 : 3;
    }
  }

  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H', W', C'], new */
  forward(x: Tensor): Tensor {
    return this.steps.reduce(
      (value, { conv, norm, activation }) => norm.forward(conv.forward(value), activation),
      x,
    );
  }

  override async applyInitCfg(): Promise<void> {
    // See PlainSequential.
  }
}
