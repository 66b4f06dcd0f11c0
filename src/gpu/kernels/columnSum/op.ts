// Sums over all axes but the last, in a fixed order: bias gradients, and the joining of split-K partials.
import { handleOrThrow } from '../../device/handle.ts';
import { bindings, flatMain, spread, type Program } from '../../dispatch/program.ts';
import { emptyTensor } from '../../tensor/emptyTensor.ts';
import { runProgram } from '../../dispatch/runProgram.ts';
import { tf, type Tensor } from '../../device/tfjs.ts';

const ROWS_PER_CHUNK = 64;
// So many rows a software adapter adds up in one dispatch: a second one would cost more.
const MAX_SOFTWARE_ROWS = 4096;

/**
 * Add up the rows of x, seen as [rows, columns]: by chunks of 64, whose sums are added up in turn.
 *
 * @returns float32 of `outShape` (columns elements). Not differentiable.
 */
export function columnSum(x: Tensor, rows: number, columns: number, outShape: readonly number[]): Tensor {
  const { isSoftware } = handleOrThrow().info;
  return tf.tidy(() => {
    let source = x;
    let left = rows;
    for (;;) {
      // Two levels from the start on, a thread per chunk of rows, then a thread per column; where a thread does both, it
      // adds in the same order.
      const isWhole = left <= (isSoftware ? MAX_SOFTWARE_ROWS : 2 * ROWS_PER_CHUNK);
      const rowsPerThread = isWhole ? left : ROWS_PER_CHUNK;
      const rowsPerChunk = left > 2 * ROWS_PER_CHUNK ? ROWS_PER_CHUNK : left;
      const threads = Math.max(1, Math.ceil(left / rowsPerThread));
      const target = emptyTensor(threads === 1 ? outShape : [threads, columns]);
      const width = columns % 4 === 0 ? 4 : 1;
      const size = (threads * columns) / width;
      runProgram(columnSumProgram(width), {
        reads: [source],
        writes: [target],
        uniforms: Uint32Array.of(size, left, columns / width, rowsPerThread, rowsPerChunk),
        areUniformsStatic: true,
        grid: spread(size / 64),
      });
      if (threads === 1) return target;
      source = target;
      left = threads;
    }
  });
}

// Thread i: column i % columns (four of them where their number allows it) of row chunk i / columns. Neighbours read
// neighbouring columns. The sums are the same either way.
function columnSumProgram(width: 1 | 4): Program {
  const T = width === 4 ? 'vec4f' : 'f32';
  const uniforms = 'size: u32, rows: u32, columns: u32, rowsPerThread: u32, rowsPerChunk: u32';
  return {
    key: `columnSum c${width}`,
    source: () => `${bindings({ x: T }, { y: T }, uniforms)}
${flatMain(`
  if (i >= u.size) { return; }
  let column = i % u.columns;
  var row = i / u.columns * u.rowsPerThread;
  let end = min(row + u.rowsPerThread, u.rows);
  var acc = ${T}();
  while (row < end) {
    let chunkEnd = min(row + u.rowsPerChunk, end);
    var chunk = ${T}();
    for (; row < chunkEnd; row++) { chunk += x[row * u.columns + column]; }
    acc += chunk;
  }
  y[i] = acc;`)}`,
  };
}
