// One elementwise rule over all tensors of an arena, a dispatch for each of its buffers; each tensor has its own
// hyper-parameters.
import { invariant } from '../../errors/index.ts';
import { BLOCK, writeWords, type Arena, type ArenaChunk } from './arena.ts';
import { handleOrThrow } from '../device/handle.ts';
import { bindings, spread, type Program } from '../dispatch/program.ts';
import { Bound, runProgram } from '../dispatch/runProgram.ts';
import { emptyTensor } from './emptyTensor.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { at } from '../../util/at.ts';

/** An update of arenas of the same layout. */
export interface ArenaUpdate {
  /** Names the rule in profiles; rules with different bodies may share a name. */
  readonly name: string;
  /**
   * WGSL statements for one element. Each key of `reads` and `scalars` is an f32 `let`, each key of `writes` an f32 `var`
   * that is loaded before and stored after; the part's hyper-parameters are read as `u.<key>`.
   */
  readonly body: string;
  readonly reads?: Readonly<Record<string, Arena>>;
  /** Tensors of one element, the same for all. */
  readonly scalars?: Readonly<Record<string, Tensor>>;
  /** Updated in place; gaps and parts without a row stay as they are. */
  readonly writes: Readonly<Record<string, Arena>>;
  readonly rows: ArenaRows;
}

/** Stands in {@link ArenaRows.set} for a part that is left alone. */
export const NO_ROW = -1;
const SKIP = 0xffff_ffff;

/** What one chunk of an arena is updated with. */
interface ChunkRows {
  /** int32: per block, row * 64 + its last element, or SKIP. */
  readonly table: Tensor;
  /** Of the updates that run with these rows. */
  readonly bound: Bound;
  isUsed: boolean;
}

/** Which row of hyper-parameters each part of an arena takes; on the GPU, written only where it changes. */
export class ArenaRows {
  readonly fields: readonly string[];
  readonly #layout: Arena;
  readonly #chunks: readonly ChunkRows[];
  #values: Tensor | null = null;
  #rowOfPart: Int32Array | null = null;
  #sent: Float32Array = new Float32Array();

  /**
   * @param layout any arena of the layout
   * @param fields names of a row's numbers
   */
  constructor(layout: Arena, fields: readonly string[]) {
    this.#layout = layout;
    this.fields = fields;
    this.#chunks = layout.chunks.map(({ size }) => ({
      table: tf.keep(emptyTensor([size / BLOCK], 'int32')),
      bound: new Bound(),
      isUsed: false,
    }));
  }

  /**
   * @param rowOfPart a row's number or {@link NO_ROW} per part; borrowed
   * @param values the rows, each with its fields in order, rounded to float32; borrowed
   */
  set(rowOfPart: Int32Array, values: ArrayLike<number>): void {
    const known = this.#rowOfPart;
    if (!known || rowOfPart.some((row, i) => row !== known[i])) {
      this.#layout.chunks.forEach((chunk, k) => this.#setChunk(chunk, at(this.#chunks, k), rowOfPart));
      this.#rowOfPart = rowOfPart.slice();
    }
    const next = this.#padded(values);
    const isSame = next.length === this.#sent.length && next.every((v, i) => Object.is(v, this.#sent[i]));
    if (isSame && this.#values) return;
    if (!this.#values || this.#values.size < next.length) {
      this.#values?.dispose();
      this.#values = tf.keep(emptyTensor([Math.max(1, next.length)]));
    }
    if (next.length > 0) writeWords(this.#values, next);
    this.#sent = next;
  }

  /** The rows' numbers, which a dispatch reads. */
  get values(): Tensor {
    invariant(this.#values, 'rows of an arena are used before they are set');
    return this.#values;
  }

  /** By chunk of the arena. */
  get chunks(): readonly Readonly<ChunkRows>[] {
    return this.#chunks;
  }

  dispose(): void {
    tf.dispose([...this.#chunks.map(({ table }) => table), ...(this.#values ? [this.#values] : [])]);
  }

  /** Rows of whole vectors: a software adapter loads four numbers at the price of one. */
  #padded(values: ArrayLike<number>): Float32Array {
    const width = this.fields.length;
    if (width === 0) return new Float32Array(4);
    const stride = 4 * vectorsOf(this.fields);
    const padded = new Float32Array((values.length / width) * stride);
    for (let i = 0; i < values.length; i++)
      padded[Math.floor(i / width) * stride + (i % width)] = at(values, i);
    return padded;
  }

  #setChunk({ size, first, offsets }: ArenaChunk, rows: ChunkRows, rowOfPart: Int32Array): void {
    const words = new Uint32Array(size / BLOCK).fill(SKIP);
    rows.isUsed = false;
    offsets.forEach((offset, i) => {
      const row = at(rowOfPart, first + i);
      if (row === NO_ROW) return;
      rows.isUsed = true;
      const { size: elements } = at(this.#layout.parts, first + i);
      const start = offset / BLOCK;
      const count = Math.ceil(elements / BLOCK);
      words.fill(row * BLOCK + BLOCK - 1, start, start + count);
      words[start + count - 1] = row * BLOCK + ((elements - 1) % BLOCK);
    });
    writeWords(rows.table, words);
  }
}

function vectorsOf(fields: readonly string[]): number {
  return Math.max(1, Math.ceil(fields.length / 4));
}

/** Whether the device can bind as many arenas at once. */
export function canUpdateArenas(count: number): boolean {
  return count + 2 <= handleOrThrow().device.limits.maxStorageBuffersPerShaderStage;
}

/** Run an update, in one dispatch for each chunk with a part that has a row. */
export function updateArenas({ name, body, reads = {}, scalars = {}, writes, rows }: ArenaUpdate): void {
  const { values, chunks } = rows;
  const program = updateProgram(
    name,
    body,
    Object.keys(reads),
    Object.keys(scalars),
    Object.keys(writes),
    rows,
  );
  chunks.forEach(({ table, bound, isUsed }, k) => {
    if (!isUsed) return;
    const wholesOf = (arenas: Readonly<Record<string, Arena>>): Tensor[] =>
      Object.values(arenas).map((arena) => {
        const { whole } = at(arena.chunks, k);
        invariant(whole.size === table.size * BLOCK, `update ${name}: an arena of another layout`);
        return whole;
      });
    runProgram(program, {
      reads: [...wholesOf(reads), ...Object.values(scalars), table, values],
      writes: wholesOf(writes),
      grid: spread((table.size * THREADS_PER_BLOCK) / 64),
      bound,
    });
  });
}

// A thread takes a quarter of a block, four elements at a time: software adapters load and store vectors at a quarter of the
// cost, and a row of hyper-parameters is loaded once. Neighbouring threads take neighbouring elements. What is computed in
// gaps is thrown away.
const THREADS_PER_BLOCK = 4;

function updateProgram(
  name: string,
  body: string,
  reads: readonly string[],
  scalars: readonly string[],
  writes: readonly string[],
  { fields }: ArenaRows,
): Program {
  return {
    key: `arena ${name}|${reads.join()}|${scalars.join()}|${writes.join()}|${fields.join()}|${body}`,
    source: () => {
      const data = (names: readonly string[], type: string): Record<string, string> =>
        Object.fromEntries(names.map((n) => [`${n}_data`, type]));
      const names = fields.length > 0 ? fields : ['none'];
      const vectors = vectorsOf(fields);
      return `struct Row { ${names.map((name) => `${name}: f32`).join(', ')} }
${bindings({ ...data(reads, 'vec4f'), ...data(scalars, 'f32'), row_table: 'u32', row_values: 'vec4f' }, data(writes, 'vec4f'))}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) local: u32) {
  let thread = (wg.x + wg.y * groups.x) * 64u + local;
  let block = thread / ${THREADS_PER_BLOCK}u;
  if (block >= arrayLength(&row_table)) { return; }
  let entry = row_table[block];
  if (entry == ${SKIP}u) { return; }
  let last = entry % ${BLOCK}u;
  let row = entry / ${BLOCK}u * ${vectors}u;
${Array.from({ length: vectors }, (_, k) => `  let row${k} = row_values[row + ${k}u];`).join('\n')}
  let u = Row(${names.map((_, k) => `row${Math.floor(k / 4)}.${'xyzw'[k % 4]}`).join(', ')});
${scalars.map((n) => `  let ${n} = ${n}_data[0];`).join('\n')}
  for (var first = thread % ${THREADS_PER_BLOCK}u * 4u; first <= last; first += ${4 * THREADS_PER_BLOCK}u) {
  let q = block * ${BLOCK / 4}u + first / 4u;
${reads.map((n) => `  let ${n}_4 = ${n}_data[q];`).join('\n')}
${writes.map((n) => `  let ${n}_4 = ${n}_data[q];\n  var ${n}_new = ${n}_4;`).join('\n')}
${['x', 'y', 'z', 'w']
  .map(
    (c) => `  {
${reads.map((n) => `    let ${n} = ${n}_4.${c};`).join('\n')}
${writes.map((n) => `    var ${n} = ${n}_4.${c};`).join('\n')}
    ${body}
${writes.map((n) => `    ${n}_new.${c} = ${n};`).join('\n')}
  }`,
  )
  .join('\n')}
  let isIn = vec4u(first) + vec4u(0, 1, 2, 3) <= vec4u(last);
${writes.map((n) => `  ${n}_data[q] = select(${n}_4, ${n}_new, isIn);`).join('\n')}
  }
}`;
    },
  };
}
