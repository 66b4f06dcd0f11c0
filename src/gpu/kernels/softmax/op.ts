// Softmax over the last axis: one thread per row. Meant for rows of classes or bins, not of thousands.
import { runOp } from '../../tensor/tape.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import type { Tensor } from '../../device/tfjs.ts';

/** exp(x - max) / sum(exp(x - max)) over the last axis. */
export function softmax(x: Tensor): Tensor {
  const columns = x.shape[x.rank - 1] ?? 1;
  const run = (program: Program, reads: readonly Tensor[]): Tensor => {
    const out = emptyTensor(x.shape);
    if (out.size === 0) return out;
    const rows = out.size / columns;
    const uniforms = Uint32Array.of(rows, columns);
    const grid = spread(rows / 64);
    runProgram(program, { reads, writes: [out], uniforms, areUniformsStatic: true, grid });
    return out;
  };
  const [y] = runOp({
    inputs: { x },
    forward: (save) => {
      const out = run(SOFTMAX, [x]);
      save([out]);
      return [out];
    },
    backward: ([dy], [out]) => ({ x: () => run(SOFTMAX_GRAD, [dy, out]) }),
  });
  return y;
}

const UNIFORMS = 'rows: u32, columns: u32';
const ROW = 'if (i >= u.rows) { return; } let start = i * u.columns; let end = start + u.columns;';

const SOFTMAX: Program = {
  key: 'softmax',
  source: () => `${bindings({ x: 'f32' }, { y: 'f32' }, UNIFORMS)}
${flatMain(`  ${ROW}
  var high = x[start];
  for (var j = start + 1u; j < end; j++) { high = max(high, x[j]); }
  var sum = 0.0;
  for (var j = start; j < end; j++) { sum += exp(x[j] - high); }
  for (var j = start; j < end; j++) { y[j] = exp(x[j] - high) / sum; }`)}`,
};

const SOFTMAX_GRAD: Program = {
  key: 'softmaxGrad',
  source: () => `${bindings({ dy: 'f32', y: 'f32' }, { dx: 'f32' }, UNIFORMS)}
${flatMain(`  ${ROW}
  var dot = 0.0;
  for (var j = start; j < end; j++) { dot += dy[j] * y[j]; }
  for (var j = start; j < end; j++) { dx[j] = y[j] * (dy[j] - dot); }`)}`,
};
