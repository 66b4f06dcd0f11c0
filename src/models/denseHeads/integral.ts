import { mul, reshape, softmax, sum, type Tensor } from '../../gpu/index.ts';
import { FloatBuffer, Module } from '../../nn/index.ts';

/** The mean of distributions over the places 0 to `regMax`. Source: mmdet 2.28.2 `models/dense_heads/gfl_head.py` Integral. */
export class Integral extends Module {
  override readonly className = 'Integral';
  readonly #places: number;
  readonly #project: FloatBuffer;

  constructor(regMax: number) {
    super();
    this.#places = regMax + 1;
    this.#project = this.addBuffer('project', new FloatBuffer([this.#places]));
    this.#project.fromTorch(Float32Array.from({ length: this.#places }, (_, i) => i));
  }

  /** @param x logits, float32 [N, 4 * (regMax + 1)]; borrowed @returns float32 [N, 4] */
  forward(x: Tensor): Tensor {
    const shares = softmax(reshape(x, [-1, this.#places]));
    return reshape(sum(mul(shares, this.#project.variable), [1]), [-1, 4]);
  }
}
