// Buffers that all compiled steps of a device share: only one step runs at a time, and nothing inside a step outlives it.
import type { EngineBackend } from '../device/backend.ts';

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

export class SharedSlots {
  readonly #backend: EngineBackend;
  #buffers: GPUBuffer[] = [];
  #users = 0;
  /** Changes whenever a buffer is replaced: bind groups made before are stale. */
  generation = 0;

  constructor(backend: EngineBackend) {
    this.#backend = backend;
  }

  /** Count a step that uses the slots. */
  retain(): void {
    this.#users += 1;
  }

  /** The last one that leaves frees the buffers. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#clear();
  }

  /** Buffers of at least the given sizes (largest first), in that order. */
  take(bytes: readonly number[]): readonly GPUBuffer[] {
    for (const [i, size] of this.#lacking(bytes)) this.#replace(i, size);
    return this.#buffers;
  }

  /** As {@link take}, and see whether the device has so much. @returns bytes that it lacks; all slots are freed then */
  async reserve(bytes: readonly number[]): Promise<number> {
    const lacking = this.#lacking(bytes);
    const missing = await missingBytes(
      this.#backend.device,
      lacking.map(([i, size]) => ({ bytes: size, make: () => this.#replace(i, size) })),
    );
    if (missing > 0) this.#clear();
    return missing;
  }

  /** Bytes held by all slots. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** Slots that are not there or too small, with the size that is wanted. */
  #lacking(bytes: readonly number[]): (readonly [number, number])[] {
    return bytes.flatMap((size, i) => {
      const existing = this.#buffers[i] as GPUBuffer | undefined;
      return existing && existing.size >= size ? [] : [[i, size] as const];
    });
  }

  #replace(i: number, size: number): void {
    const { bufferManager } = this.#backend;
    const existing = this.#buffers[i] as GPUBuffer | undefined;
    if (existing) {
      // Commands in flight keep their buffer alive; those that are not sent yet do not. The old one goes first: both at
      // a time may be more than the device has.
      this.#backend.submitEncoded();
      bufferManager.releaseBuffer(existing, false);
      this.generation += 1;
    }
    this.#buffers[i] = bufferManager.acquireBuffer(size, STORAGE, false, false);
  }

  #clear(): void {
    this.#backend.submitEncoded();
    for (const buffer of this.#buffers) this.#backend.bufferManager.releaseBuffer(buffer, false);
    this.#buffers = [];
    this.generation += 1;
  }
}

/** What the steps of a device share. */
export interface StepBuffers {
  /** Behind tensors inside a step. */
  readonly slots: SharedSlots;
  /** Behind values from the host. */
  readonly inputs: SharedSlots;
}

const buffersOf = new WeakMap<EngineBackend, StepBuffers>();

export function stepBuffers(backend: EngineBackend): StepBuffers {
  let buffers = buffersOf.get(backend);
  if (!buffers) {
    buffers = { slots: new SharedSlots(backend), inputs: new SharedSlots(backend) };
    buffersOf.set(backend, buffers);
  }
  return buffers;
}

/**
 * Make buffers, and see which of them the device gave. One that it didn't must not be used: that would be an error of
 * another kind, which ends the engine.
 * @returns bytes of those that it did not give
 */
export async function missingBytes(
  device: GPUDevice,
  buffers: readonly { readonly bytes: number; make(): void }[],
): Promise<number> {
  const tries = buffers.map(async ({ bytes, make }) => {
    device.pushErrorScope('out-of-memory');
    make();
    return (await device.popErrorScope()) ? bytes : 0;
  });
  return (await Promise.all(tries)).reduce((a, b) => a + b, 0);
}
