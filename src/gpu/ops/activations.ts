// Activations as ops of their own; where a convolution or a norm comes before, they are folded into it.
import {
  activationGradWgsl,
  activationKey,
  activationWgsl,
  isSlopeKnownFromOutput,
  type Activation,
} from '../kernels/activation.ts';
import { runMap, type MapSource } from '../kernels/map/op.ts';
import { runOp } from '../tensor/tape.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { unary } from './map.ts';

function valueSource(activation: Activation): MapSource {
  return {
    name: activationKey(activation),
    expression: 'activate(a)',
    helpers: (T) => activationWgsl(activation, T),
    isFloat: true,
  };
}

function gradSource(activation: Activation): MapSource {
  return {
    name: `${activationKey(activation)} grad`,
    // Where ReLU is off, an infinite dy must not become NaN.
    expression: activation === 'relu' ? 'select(F(), a, b > F())' : 'a * activationSlope(b)',
    helpers: (T) => (activation === 'relu' ? '' : activationGradWgsl(activation, T)),
    isFloat: true,
  };
}

/** Apply an activation, with torch's gradients at the corners (0 at 0 for ReLU). NaN stays NaN. */
export function activate(x: Tensor, activation: Activation): Tensor {
  const kept = isSlopeKnownFromOutput(activation) ? 'y' : 'x';
  return unary(x, valueSource(activation), gradSource(activation), kept);
}

/**
 * The gradient of {@link activate} by its input.
 *
 * @param known the activation's input, or its output where `isSlopeKnownFromOutput`.
 */
export function activationGrad(dy: Tensor, known: Tensor, activation: Activation): Tensor {
  return runMap(gradSource(activation), [dy, known], dy.shape);
}

/** max(x, 0); NaN stays NaN. The gradient at 0 is 0, as in torch. */
export const relu = (x: Tensor): Tensor => activate(x, 'relu');
/** x where x > 0, else slope * x. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => activate(x, { type: 'leaky_relu', slope });
/** min(max(x, 0), 6). */
export const relu6 = (x: Tensor): Tensor => activate(x, 'relu6');
/** x * sigmoid(x), also known as Swish. */
export const silu = (x: Tensor): Tensor => activate(x, 'silu');
/** x * min(max(x / 6 + 0.5, 0), 1). */
export const hardSwish = (x: Tensor): Tensor => activate(x, 'hswish');
/** min(max(x / 6 + 0.5, 0), 1). */
export const hardSigmoid = (x: Tensor): Tensor => activate(x, 'hsigmoid');
/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Tensor): Tensor => activate(x, 'sigmoid');

/** relu(a + b) of two tensors of one shape, as at the end of a residual block: one pass instead of two. */
export function addRelu(a: Tensor, b: Tensor): Tensor {
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      const out = runMap(ADD_RELU, [a, b], a.shape);
      save([out]);
      return [out];
    },
    backward: ([dy], [out]) => {
      // Both branches get the same tensor: here and not in the tidy of one of them.
      const grad = activationGrad(dy, out, 'relu');
      return { a: () => tf.clone(grad), b: () => tf.clone(grad) };
    },
  });
  return y;
}

const ADD_RELU: MapSource = {
  name: 'addRelu',
  expression: 'select(a + b, F(), a + b < F())',
  isFloat: true,
};
