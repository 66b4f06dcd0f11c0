// Choosing variants by measuring: each dispatch for which a kernel has several variants is timed alone, once per adapter
// and shape, on buffers of its own.
import { handleOrThrow, orLost } from '../engine.ts';
import { onIdle } from '../memory.ts';
import { endProfilePasses, startProfile, suspendProfile } from '../profiler.ts';
import { compile, encodeDispatch } from '../program.ts';
import type { ChosenDispatch } from '../recorder.ts';
import { setVariantChoices, variantChoices } from '../variantChoice.ts';
import type { Recording } from './recording.ts';

export interface TuningOptions {
  /** Only variants that give the same bits as the kernel's own choice. */
  readonly isDeterministic: boolean;
  /** Told after new choices were measured: all that are known, for keeping. */
  readonly onMeasured?: (choices: Record<string, string>) => void;
}

// A change must be worth the noise of a measurement.
const WORTH = 0.95;
const ROUNDS = 3;
const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

let options: TuningOptions | null = null;

/** Switch measuring on (steps that are prepared measure what isn't known yet) or, with null, off. */
export function setVariantTuning(value: TuningOptions | null): void {
  options = value;
}

/**
 * Measure what the step's kernels could choose from, and remember the best.
 * @param recording of the step with the choices that are known
 * @param record makes another one, with the choices that are set then
 * @returns true when choices were made
 */
export async function tuneVariants<A>(recording: Recording<A>, record: () => Recording<A>): Promise<boolean> {
  if (!options) return false;
  const before = variantChoices();
  const open = openChoices(recording);
  if (open.size === 0) return false;
  const bench = new ScratchBench();
  const results = new Map<string, Result[]>();
  // A hook may be profiling this very iteration.
  const resumeProfile = suspendProfile();
  const rounds = Math.max(...[...open.values()].map((names) => names.length));
  try {
    for (let round = 0; round < rounds; round++) {
      // One recording tries the next candidate of every key at once.
      const tried = [...open].filter(([, names]) => round < names.length);
      setVariantChoices({
        ...before,
        ...Object.fromEntries(tried.map(([key, names]) => [key, names[round]])),
      });
      const variant = record();
      const done = new Set<string>();
      for (const dispatch of variant.dispatches) {
        const { choice } = dispatch;
        if (!choice || done.has(choice.key) || !tried.some(([key]) => key === choice.key)) continue;
        done.add(choice.key);
        const bytes = dispatch.bindings.map(({ data }) => variant.tensors.get(data)?.bytes ?? 0);
        const measured = await bench.measure(dispatch, bytes);
        results.set(choice.key, [...(results.get(choice.key) ?? []), { name: choice.picked, ...measured }]);
      }
    }
  } finally {
    bench.dispose();
    resumeProfile();
    setVariantChoices(before);
  }
  const chosen = Object.fromEntries([...results].map(([key, tries]) => [key, best(tries, options)]));
  const all = { ...before, ...chosen };
  setVariantChoices(all);
  options.onMeasured?.(all);
  return true;
}

interface Result {
  readonly name: string;
  readonly ms: number;
  /** Of what the dispatch wrote. */
  readonly bits: string;
}

/** Keys that have several candidates and nothing remembered; the kernel's own choice comes first. */
function openChoices<A>({ dispatches }: Recording<A>): Map<string, readonly string[]> {
  const open = new Map<string, readonly string[]>();
  for (const { choice } of dispatches) {
    if (!choice || choice.isKnown || choice.candidates.length < 2) continue;
    open.set(choice.key, [choice.picked, ...choice.candidates.filter((name) => name !== choice.picked)]);
  }
  return open;
}

function best([own, ...others]: readonly Result[], tuning: TuningOptions | null): string {
  let winner = own;
  for (const other of others) {
    if (tuning?.isDeterministic && other.bits !== own.bits) continue;
    if (other.ms < winner.ms * (winner === own ? WORTH : 1)) winner = other;
  }
  return winner.name;
}

/** Runs single dispatches on buffers of its own, filled with the same numbers each time. */
class ScratchBench {
  readonly #buffers: GPUBuffer[] = [];

  async measure(dispatch: ChosenDispatch, bytes: readonly number[]): Promise<{ ms: number; bits: string }> {
    const { device, backend } = handleOrThrow();
    const { program, bindings, readCount, uniforms, grid, work } = dispatch;
    const { pipeline, layout } = compile(device, {
      program,
      readCount,
      writeCount: bindings.length - readCount,
      hasUniforms: uniforms !== null,
    });
    const entries = bytes.map((size, binding) => ({
      binding,
      resource: { buffer: this.#buffer(binding, size), offset: 0, size },
    }));
    const uniform =
      uniforms && device.createBuffer({ size: Math.ceil(uniforms.byteLength / 16) * 16, usage: 0x48 });
    if (uniform) {
      device.queue.writeBuffer(uniform, 0, uniforms as Uint32Array<ArrayBuffer>);
      entries.push({ binding: bytes.length, resource: { buffer: uniform, offset: 0, size: uniform.size } });
    }
    const group = device.createBindGroup({ layout, entries });
    const ready = { key: program.key, pipeline, group, grid, work };
    let ms = Infinity;
    for (let round = 0; round <= ROUNDS; round++) {
      await onIdle();
      startProfile();
      const start = performance.now();
      encodeDispatch(backend, ready);
      await onIdle();
      const wallMs = performance.now() - start;
      const [pass] = await endProfilePasses();
      const gpuMs = (pass.endNs - pass.startNs) / 1e6;
      // The first round warms up. Timestamps may be coarse: 0 says nothing.
      if (round > 0) ms = Math.min(ms, gpuMs > 0 ? gpuMs : wallMs);
    }
    const bits = await this.#bitsOf(bytes, readCount);
    uniform?.destroy();
    return { ms, bits };
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #buffer(index: number, size: number): GPUBuffer {
    const existing = this.#buffers[index] as GPUBuffer | undefined;
    if (existing && existing.size >= size) return existing;
    existing?.destroy();
    const { device } = handleOrThrow();
    const buffer = device.createBuffer({ size, usage: STORAGE });
    device.queue.writeBuffer(buffer, 0, noise(size / 4));
    this.#buffers[index] = buffer;
    return buffer;
  }

  /** A fingerprint of what was written. */
  async #bitsOf(bytes: readonly number[], readCount: number): Promise<string> {
    const { device } = handleOrThrow();
    const prints: number[] = [];
    for (let i = readCount; i < bytes.length; i++) {
      const staging = device.createBuffer({ size: bytes[i], usage: 0x9 }); // COPY_DST | MAP_READ
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#buffers[i], 0, staging, 0, bytes[i]);
      device.queue.submit([encoder.finish()]);
      await orLost(staging.mapAsync(0x1));
      prints.push(fingerprint(new Uint32Array(staging.getMappedRange())));
      staging.destroy();
    }
    return prints.join();
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
