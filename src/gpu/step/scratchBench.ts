// Times single dispatches on buffers of their own, filled with the same numbers each time.
import { handleOrThrow, orLost } from '../device/handle.ts';
import { onIdle } from '../tensor/memory.ts';
import { readTimestamps } from '../dispatch/profiler.ts';
import { compile } from '../dispatch/pipelines.ts';
import type { ReadyDispatch } from '../dispatch/runProgram.ts';
import type { ChosenDispatch } from '../dispatch/recorder.ts';
import { missingBytes } from './slots.ts';
import { at, take } from '../../util/at.ts';

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

// Chrome rounds timestamps to 100 us, and a clock on the CPU sees the way to the GPU and back: a dispatch is repeated until
// a span is so long that neither counts.
const SPAN_MS: Readonly<Record<Clock, number>> = { gpu: 4, wall: 20 };
const MAX_REPEATS = 256;
const GROWTH = 4;

/** What times are told by: timestamps of the GPU, or the CPU's clock around the submit. */
export type Clock = 'gpu' | 'wall';

/** A dispatch with its own bind group. */
export interface BenchDispatch extends ReadyDispatch {
  /** Bytes of each binding; the last are written. */
  readonly bytes: readonly number[];
  readonly readCount: number;
}

export class ScratchBench {
  readonly #buffers: GPUBuffer[] = [];
  readonly #uniforms: GPUBuffer[] = [];
  readonly #querySet: GPUQuerySet | null;

  constructor() {
    const { device } = handleOrThrow();
    const hasTimes = device.features.has('timestamp-query');
    this.#querySet = hasTimes ? device.createQuerySet({ type: 'timestamp', count: 2 }) : null;
  }

  /** Make buffers that are large enough for all of these dispatches. @returns false when the device has no room for them */
  async reserve(dispatches: readonly { readonly bytes: readonly number[] }[]): Promise<boolean> {
    const { device } = handleOrThrow();
    const sizes: number[] = [];
    for (const { bytes } of dispatches)
      bytes.forEach((size, i) => (sizes[i] = Math.max(size, sizes[i] ?? 0)));
    const fresh = sizes.flatMap((size, i) => {
      const existing = this.#buffers[i] as GPUBuffer | undefined;
      if (existing && existing.size >= size) return [];
      existing?.destroy();
      const make = (): void => {
        this.#buffers[i] = device.createBuffer({ size, usage: STORAGE });
      };
      return [{ i, bytes: size, make }];
    });
    if ((await missingBytes(device, fresh)) > 0) {
      for (const buffer of this.#buffers.splice(0)) buffer.destroy();
      return false;
    }
    for (const { i, bytes } of fresh) device.queue.writeBuffer(at(this.#buffers, i), 0, noise(bytes / 4));
    return true;
  }

  /** Bind a dispatch to the buffers. @param bytes of each binding, {@link reserve}d */
  bind(dispatch: ChosenDispatch, bytes: readonly number[]): BenchDispatch {
    const { device } = handleOrThrow();
    const { program, bindings, readCount, uniforms, grid, work } = dispatch;
    const { pipeline, layout } = compile(device, {
      program,
      readCount,
      writeCount: bindings.length - readCount,
      hasUniforms: uniforms !== null,
    });
    const entries = bytes.map((size, binding) => ({
      binding,
      resource: { buffer: at(this.#buffers, binding), offset: 0, size },
    }));
    if (uniforms) {
      // UNIFORM | COPY_DST
      const buffer = device.createBuffer({ size: Math.ceil(uniforms.byteLength / 16) * 16, usage: 0x48 });
      device.queue.writeBuffer(buffer, 0, uniforms as Uint32Array<ArrayBuffer>);
      entries.push({ binding: bytes.length, resource: { buffer, offset: 0, size: buffer.size } });
      this.#uniforms.push(buffer);
    }
    const group = device.createBindGroup({ layout, entries });
    return { key: program.key, pipeline, group, grid, work, bytes, readCount };
  }

  /** The best clock that tells this dispatch's time at all: some devices have no timestamps, or such that never move. */
  async clockFor(dispatch: BenchDispatch): Promise<Clock> {
    if (!this.#querySet) return 'wall';
    const repeats = await this.repeatsFor(dispatch, 'gpu');
    return (await this.#run(dispatch, repeats, 'gpu')) > 0 ? 'gpu' : 'wall';
  }

  /** How often a dispatch is repeated for a span that the clock can tell. The first run compiles, and wakes the GPU up. */
  async repeatsFor(dispatch: BenchDispatch, clock: Clock): Promise<number> {
    await this.#run(dispatch, 1, clock);
    let repeats = 1;
    while (repeats < MAX_REPEATS && (await this.#run(dispatch, repeats, clock)) < SPAN_MS[clock])
      repeats *= GROWTH;
    return repeats;
  }

  /** ms of one dispatch, the mean of `repeats`. */
  async time(dispatch: BenchDispatch, clock: Clock, repeats: number): Promise<number> {
    return (await this.#run(dispatch, repeats, clock)) / repeats;
  }

  /** A fingerprint of what the dispatch writes. */
  async bitsOf(dispatch: BenchDispatch): Promise<string> {
    await this.#run(dispatch, 1, 'wall');
    const { device } = handleOrThrow();
    const prints: number[] = [];
    for (let i = dispatch.readCount; i < dispatch.bytes.length; i++) {
      const size = at(dispatch.bytes, i);
      const staging = device.createBuffer({ size, usage: 0x9 }); // COPY_DST | MAP_READ
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(at(this.#buffers, i), 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await orLost(staging.mapAsync(0x1));
      prints.push(fingerprint(new Uint32Array(staging.getMappedRange())));
      staging.destroy();
    }
    return prints.join();
  }

  dispose(): void {
    for (const buffer of [...this.#buffers, ...this.#uniforms]) buffer.destroy();
    this.#querySet?.destroy();
  }

  /** @returns ms of all repeats */
  async #run({ pipeline, group, grid }: BenchDispatch, repeats: number, clock: Clock): Promise<number> {
    const { device } = handleOrThrow();
    await onIdle();
    const querySet = clock === 'gpu' ? this.#querySet : null;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      querySet
        ? { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } }
        : undefined,
    );
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(...grid);
    pass.end();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    if (querySet) {
      const [begin, end] = take(await readTimestamps(querySet, 2), 2);
      return Number(end - begin) / 1e6;
    }
    await onIdle();
    return performance.now() - start;
  }
}

/** Numbers in [-1, 1), always the same. */
function noise(count: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

/** FNV-1a over 32-bit words. */
function fingerprint(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  return hash;
}
