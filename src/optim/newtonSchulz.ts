import { add, div, globalNorm, matMul, maximum, mul, transpose, type Tensor } from '../gpu/index.ts';
import { take } from '../util/at.ts';

export interface NewtonSchulzOptions {
  /** a, b, c of x -> a x + b x^3 + c x^5, applied to the singular values. Default (3.4445, -4.775, 2.0315). */
  readonly coefficients?: readonly number[];
  /** How often. Default 5. */
  readonly steps?: number;
  /** Smallest norm by which the matrix is divided. Default 1e-7. */
  readonly eps?: number;
}

/**
 * Make a matrix nearly orthogonal: its singular values come close to 1. X = M / max(|M|, eps), then `steps` times
 * X = a X + (b A + c A A) X with A = X X^T.
 * @param matrix float32 [rows, columns]; borrowed. Transposing it before or after makes no difference.
 * @returns the same shape, new
 * Source: torch 2.9 `optim/_muon.py`; Jordan, "Muon", 2024. Differs: float32 instead of bfloat16.
 * @example
 * // Inside step() of an optimizer of one's own, for weights of convolutions (on the GPU [kh, kw, in, out]) too:
 * const { shape } = param.variable;
 * const columns = shape[shape.length - 1];
 * const matrix = reshape(momentum, [param.size / columns, columns]);
 * const update = shape.length < 2 ? momentum : reshape(newtonSchulz(matrix), shape);
 */
export function newtonSchulz(
  matrix: Tensor,
  { coefficients = [3.4445, -4.775, 2.0315], steps = 5, eps = 1e-7 }: NewtonSchulzOptions = {},
): Tensor {
  const [a, b, c] = take(coefficients, 3);
  const [height = 1, width = 1] = matrix.shape;
  const isTall = height > width;
  let x = div(isTall ? transpose(matrix) : matrix, maximum(globalNorm([matrix], 2), eps));
  for (let i = 0; i < steps; i++) {
    const gram = matMul(x, x, false, true);
    x = add(mul(x, a), matMul(add(mul(gram, b), mul(matMul(gram, gram), c)), x));
  }
  return isTall ? transpose(x) : x;
}
