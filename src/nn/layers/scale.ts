import { mul, type Tensor } from '../../gpu/index.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { fillConstant } from '../init/initializers.ts';

/** A learnt factor of all values. Source: mmcv 1.7.2 `cnn/bricks/scale.py`. */
export class Scale extends Module {
  override readonly className = 'Scale';
  readonly #scale: Parameter;
  readonly #initial: number;

  constructor(initial = 1) {
    super();
    this.#initial = initial;
    this.#scale = this.addParameter('scale', new Parameter([]));
  }

  forward(x: Tensor): Tensor {
    return mul(x, this.#scale.variable);
  }

  override resetParameters(): void {
    fillConstant(this.#scale, this.#initial);
  }
}
