// max(x, 0) and its gradient; the gradient also serves ops that fold the activation in.
import { runOp } from '../../op.ts';
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from '../../program.ts';
import type { Tensor } from '../../tfjs.ts';

/** max(x, 0); NaN stays NaN. The gradient at 0 is 0, as in torch. */
export function relu(x: Tensor): Tensor {
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const out = emptyTensor(x.shape);
      dispatch(RELU, [x], out);
      save([out]);
      return [out];
    },
    backward: ([dy], [out]) => ({ x: () => reluGrad(dy, out) }),
  });
  return y;
}

/** dy where y > 0, else 0. */
export function reluGrad(dy: Tensor, y: Tensor): Tensor {
  const dx = emptyTensor(y.shape);
  dispatch(RELU_GRAD, [dy, y], dx);
  return dx;
}

function dispatch(program: Program, reads: Tensor[], target: Tensor): void {
  runProgram(program, {
    reads,
    writes: [target],
    uniforms: Uint32Array.of(target.size),
    areUniformsStatic: true,
    grid: spread(target.size / 64),
  });
}

const RELU: Program = {
  key: 'relu',
  source: () => `${bindings({ x: 'f32' }, { y: 'f32' }, 'size: u32')}
${flatMain('if (i < u.size) { let v = x[i]; y[i] = select(v, 0.0, v < 0.0); }')}`,
};

const RELU_GRAD: Program = {
  key: 'reluGrad',
  source: () => `${bindings({ dy: 'f32', y: 'f32' }, { dx: 'f32' }, 'size: u32')}
${flatMain('if (i < u.size) { dx[i] = select(0.0, dy[i], y[i] > 0.0); }')}`,
};
