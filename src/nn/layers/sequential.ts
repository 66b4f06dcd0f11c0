import type { Tensor } from '../../gpu/index.ts';
import { Module } from '../module.ts';

/** A module that maps one tensor to one tensor. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** Layers in a row, named 0, 1, 2… As MMCV's `Sequential`, the `init_cfg`s below it are looked at. */
export class Sequential extends Module {
  override readonly className: string = 'Sequential';
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    super();
    this.#layers = layers.map((layer, i) => this.addModule(String(i), layer));
  }

  /** @param x borrowed @returns a new tensor */
  forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }
}
