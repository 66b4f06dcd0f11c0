// One elementwise rule over all tensors of an arena in one dispatch, each tensor with its own hyper-parameters.
import { invariant } from '../errors/index.ts';
import { BLOCK, writeWords, type Arena } from './arena.ts';
import { handleOrThrow } from './engine.ts';
import { bindings, Bound, emptyTensor, runProgram, spread, type Program } from './program.ts';
import { tf, type Tensor } from './tfjs.ts';

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

/** Which row of hyper-parameters each part of an arena takes; on the GPU, written only where it changes. */
export class ArenaRows {
  readonly fields: readonly string[];
  readonly #layout: Arena;
  /** Per block of the arena: row * 64 + its last element, or SKIP. */
  readonly #table: Tensor;
  #values: Tensor | null = null;
  #rowOfPart: Int32Array | null = null;
  #sent: Float32Array = new Float32Array();
  /** Of the updates that run with these rows. */
  readonly bound = new Bound();

  /**
   * @param layout any arena of the layout
   * @param fields names of a row's numbers
   */
  constructor(layout: Arena, fields: readonly string[]) {
    this.#layout = layout;
    this.fields = fields;
    this.#table = tf.keep(emptyTensor([layout.size / BLOCK], 'int32'));
  }

  /**
   * @param rowOfPart a row's number or {@link NO_ROW} per part; borrowed
   * @param values the rows, each with its fields in order, rounded to float32; borrowed
   */
  set(rowOfPart: Int32Array, values: ArrayLike<number>): void {
    const known = this.#rowOfPart;
    if (!known || rowOfPart.some((row, i) => row !== known[i])) {
      writeWords(this.#table, this.#blocks(rowOfPart));
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

  /** The buffers that a dispatch reads. */
  get tensors(): { table: Tensor; values: Tensor } {
    invariant(this.#values, 'rows of an arena are used before they are set');
    return { table: this.#table, values: this.#values };
  }

  dispose(): void {
    tf.dispose([this.#table, ...(this.#values ? [this.#values] : [])]);
  }

  /** Rows of whole vectors: a software adapter loads four numbers at the price of one. */
  #padded(values: ArrayLike<number>): Float32Array {
    const width = this.fields.length;
    if (width === 0) return new Float32Array(4);
    const stride = 4 * vectorsOf(this.fields);
    const padded = new Float32Array((values.length / width) * stride);
    for (let i = 0; i < values.length; i++) padded[Math.floor(i / width) * stride + (i % width)] = values[i];
    return padded;
  }

  #blocks(rowOfPart: Int32Array): Uint32Array {
    const table = new Uint32Array(this.#layout.size / BLOCK).fill(SKIP);
    this.#layout.parts.forEach(({ size }, k) => {
      const row = rowOfPart[k];
      if (row === NO_ROW) return;
      const first = this.#layout.offsets[k] / BLOCK;
      const count = Math.ceil(size / BLOCK);
      table.fill(row * BLOCK + BLOCK - 1, first, first + count);
      table[first + count - 1] = row * BLOCK + ((size - 1) % BLOCK);
    });
    return table;
  }
}

function vectorsOf(fields: readonly string[]): number {
  return Math.max(1, Math.ceil(fields.length / 4));
}

/** Whether the device can bind as many arenas at once. */
export function canUpdateArenas(count: number): boolean {
  return count + 2 <= handleOrThrow().device.limits.maxStorageBuffersPerShaderStage;
}

/** Run an update in one dispatch. */
export function updateArenas({ name, body, reads = {}, scalars = {}, writes, rows }: ArenaUpdate): void {
  const { table, values } = rows.tensors;
  const arenas = [...Object.values(reads), ...Object.values(writes)];
  for (const { size } of arenas)
    invariant(size === table.size * BLOCK, `update ${name}: an arena of another layout`);
  runProgram(updateProgram(name, body, Object.keys(reads), Object.keys(scalars), Object.keys(writes), rows), {
    reads: [...Object.values(reads).map(({ whole }) => whole), ...Object.values(scalars), table, values],
    writes: Object.values(writes).map(({ whole }) => whole),
    grid: spread((table.size * THREADS_PER_BLOCK) / 64),
    bound: rows.bound,
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
