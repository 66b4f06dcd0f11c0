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
      const width = columns % 4 === 0 ? 4 : 1;
      const size = (chunks * columns) / width;
      runProgram(columnSumProgram(width), {
        reads: [source],
        writes: [target],
        uniforms: Uint32Array.of(size, left, columns / width, rowsPerThread),
        areUniformsStatic: true,
        grid: spread(size / 64),
      });
      if (chunks === 1) return target;
      source = target;
      left = chunks;
    }
  });
}

// Thread i: column i % columns (four of them where their number allows it) of row chunk i / columns. Neighbours read
// neighbouring columns. The sums are the same either way.
function columnSumProgram(width: 1 | 4): Program {
  const T = width === 4 ? 'vec4f' : 'f32';
  return {
    key: `columnSum c${width}`,
    source: () => `${bindings({ x: T }, { y: T }, 'size: u32, rows: u32, columns: u32, rowsPerThread: u32')}
${flatMain(`
  if (i >= u.size) { return; }
  let column = i % u.columns;
  let start = i / u.columns * u.rowsPerThread;
  let end = min(start + u.rowsPerThread, u.rows);
  var acc = ${T}();
  for (var row = start; row < end; row++) { acc += x[row * u.columns + column]; }
  y[i] = acc;`)}`,
  };
}
