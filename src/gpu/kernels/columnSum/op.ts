// Sums over all axes but the last, in a fixed order: bias gradients, and the joining of split-K partials.
import { bindings, emptyTensor, flatMain, runProgram, spread, type Program } from '../../program.ts';
import { tf, type Tensor } from '../../tfjs.ts';

const ROWS_PER_THREAD = 64;

/**
 * Add up the rows of x, seen as [rows, columns].
 *
 * @returns float32 of `outShape` (columns elements). Not differentiable.
 */
export function columnSum(x: Tensor, rows: number, columns: number, outShape: readonly number[]): Tensor {
  return tf.tidy(() => {
    let source = x;
    let left = rows;
    for (;;) {
      // Two levels from the start on: a thread per chunk of rows, then a thread per column.
      const rowsPerThread = left > 2 * ROWS_PER_THREAD ? ROWS_PER_THREAD : left;
      const chunks = Math.max(1, Math.ceil(left / rowsPerThread));
      const target = emptyTensor(chunks === 1 ? outShape : [chunks, columns]);
      const size = chunks * columns;
      runProgram(COLUMN_SUM, {
        reads: [source],
        writes: [target],
        uniforms: Uint32Array.of(size, left, columns, rowsPerThread),
        areUniformsStatic: true,
        grid: spread(size / 64),
      });
      if (chunks === 1) return target;
      source = target;
      left = chunks;
    }
  });
}

// Thread i: column i % columns of row chunk i / columns. Neighbours read neighbouring columns.
const COLUMN_SUM: Program = {
  key: 'columnSum',
  source:
    () => `${bindings({ x: 'f32' }, { y: 'f32' }, 'size: u32, rows: u32, columns: u32, rowsPerThread: u32')}
${flatMain(`
  if (i >= u.size) { return; }
  let column = i % u.columns;
  let start = i / u.columns * u.rowsPerThread;
  let end = min(start + u.rowsPerThread, u.rows);
  var acc = 0.0;
  for (var row = start; row < end; row++) { acc += x[row * u.columns + column]; }
  y[i] = acc;`)}`,
};
