// The gradient of ReLU, for ops that fold the activation in.
import { activationGrad } from '../../ops/activations.ts';
import type { Tensor } from '../../tfjs.ts';

export { relu } from '../../ops/activations.ts';

/** dy where y > 0, else 0. */
export const reluGrad = (dy: Tensor, y: Tensor): Tensor => activationGrad(dy, y, 'relu');
