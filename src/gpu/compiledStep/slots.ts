// The buffers behind a step's inner tensors. All compiled steps of a device share them: only one runs at a time, and
// nothing inside a step outlives it.
import type { EngineBackend } from '../backend.ts';

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
    if (this.#users > 0) return;
    this.#backend.submitEncoded();
    for (const buffer of this.#buffers) this.#backend.bufferManager.releaseBuffer(buffer, false);
    this.#buffers = [];
    this.generation += 1;
  }

  /** Buffers of at least the given sizes (largest first), in that order. */
  take(bytes: readonly number[]): readonly GPUBuffer[] {
    const { bufferManager } = this.#backend;
    bytes.forEach((size, i) => {
      const existing = this.#buffers[i] as GPUBuffer | undefined;
      if (existing && existing.size >= size) return;
      this.#buffers[i] = bufferManager.acquireBuffer(size, STORAGE, false, false);
      if (!existing) return;
      // Commands in flight keep their buffer alive; those that are not sent yet do not.
      this.#backend.submitEncoded();
      bufferManager.releaseBuffer(existing, false);
      this.generation += 1;
    });
    return this.#buffers;
  }

  /** Bytes held by all slots. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }
}

const slotsOf = new WeakMap<EngineBackend, SharedSlots>();

/** The slots of a device. */
export function sharedSlots(backend: EngineBackend): SharedSlots {
  let slots = slotsOf.get(backend);
  if (!slots) slotsOf.set(backend, (slots = new SharedSlots(backend)));
  return slots;
}
