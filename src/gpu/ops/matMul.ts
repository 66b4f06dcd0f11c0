// Products of matrices.
import { runOp } from '../op.ts';
import { tf, type Tensor } from '../tfjs.ts';

/** [M, K] x [K, N], each optionally transposed first. */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      save([a, b]);
      return [tf.matMul(a, b, transposeA, transposeB)];
    },
    backward: ([dy], [l, r]) => ({
      a: () => (transposeA ? tf.matMul(r, dy, transposeB, true) : tf.matMul(dy, r, false, !transposeB)),
      b: () => (transposeB ? tf.matMul(dy, l, true, transposeA) : tf.matMul(l, dy, !transposeA, false)),
    }),
  });
  return y;
}
