// Layer ops made of elementary ones.
import { add, div, mean, mul, reshape, sqrt, square, sub } from './ops.ts';
import type { Tensor } from './tfjs.ts';

/** Group normalisation of x [B, H, W, C] with per-channel gamma and beta [C]. */
export function groupNorm(x: Tensor, groups: number, gamma: Tensor, beta: Tensor, eps: number): Tensor {
  const [b = 1, h = 1, w = 1, c = 1] = x.shape;
  const grouped = reshape(x, [b, h * w, groups, c / groups]);
  const centred = sub(grouped, mean(grouped, [1, 3], true));
  const variance = mean(square(centred), [1, 3], true);
  const normalised = div(centred, sqrt(add(variance, eps)));
  return add(mul(reshape(normalised, x.shape), gamma), beta);
}
