// Matrix product, by the convolution's programs: with 1x1 windows, its three parts are a product plain, with the second
// and with the first factor transposed.
import { invariant } from '../../../errors/index.ts';
import { runOp } from '../../tensor/tape.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';
import { fillTensor } from '../fill/op.ts';
import { convFilterGrad, convForward, convInputGrad } from '../conv2d/op.ts';
import type { ConvShape } from '../conv2d/shape.ts';

/**
 * [M, K] x [K, N], each optionally transposed first: with `transposeA`, a is [K, M].
 *
 * @returns float32 [M, N].
 */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const [y] = runOp({
    inputs: { a, b },
    forward: (save) => {
      save([a, b]);
      return [matMulForward(a, b, transposeA, transposeB)];
    },
    backward: ([dy], [l, r]) => ({
      a: () =>
        transposeA ? matMulForward(r, dy, transposeB, true) : matMulForward(dy, r, false, !transposeB),
      b: () =>
        transposeB ? matMulForward(dy, l, true, transposeA) : matMulForward(l, dy, !transposeA, false),
    }),
  });
  return y;
}

/** The product alone, without a gradient. */
export function matMulForward(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const [m, k] = sizes(a, transposeA);
  const [inner, n] = sizes(b, transposeB);
  invariant(k === inner, `matMul of [${m}, ${k}] and [${inner}, ${n}]`);
  // WebGPU binds no empty buffers; a sum of nothing is 0.
  if (m * n * k === 0) return fillTensor([m, n], 0);
  // a^T b^T = (b a)^T
  if (transposeA && transposeB) return tf.tidy(() => transposed(matMulForward(b, a, false, false)));
  // Pixels: what is neither the channels in nor the channels out of the convolution.
  if (transposeA) return tf.tidy(() => convFilterGrad(pointwise(k, m, n), a, b, [m, n]));
  if (transposeB) return convInputGrad(pointwise(m, n, k), a, b, [m, n]);
  return convForward(pointwise(m, k, n), a, b, null, { hasBias: false }, [m, n]).y;
}

function sizes(x: Tensor, isTransposed: boolean): [number, number] {
  invariant(x.rank === 2, `matMul of rank ${x.rank}`);
  const [rows = 0, columns = 0] = x.shape;
  return isTransposed ? [columns, rows] : [rows, columns];
}

// A 1x1 convolution over a picture of one column.
function pointwise(pixels: number, inC: number, outC: number): ConvShape {
  return {
    ...{ batch: 1, inH: pixels, inW: 1, inC, outH: pixels, outW: 1, outC, kernelH: 1, kernelW: 1 },
    ...{ strideH: 1, strideW: 1, padH: 0, padW: 0, dilationH: 1, dilationW: 1, groups: 1 },
  };
}

function transposed(x: Tensor): Tensor {
  const [rows, columns] = sizes(x, false);
  const y = emptyTensor([columns, rows]);
  runProgram(TRANSPOSE, {
    reads: [x],
    writes: [y],
    uniforms: Uint32Array.of(y.size, rows, columns),
    areUniformsStatic: true,
    grid: spread(y.size / 64),
  });
  return y;
}

const TRANSPOSE: Program = {
  key: 'matMulTranspose',
  source: () => `${bindings({ x: 'f32' }, { y: 'f32' }, 'size: u32, rows: u32, columns: u32')}
${flatMain('if (i < u.size) { y[i] = x[i % u.rows * u.columns + i / u.rows]; }')}`,
};
