// Tensors: making, keeping, counting and reading them. Reading is always asynchronous.
import { copyInto } from '../dispatch/elementwise.ts';
import { currentHandle, handleOrThrow, orLost } from '../device/handle.ts';
import { emptyTensor } from './emptyTensor.ts';
import { activeRecorder, unrecorded } from '../dispatch/recorder.ts';
import { tf, type DType, type Tensor, type Variable } from '../device/tfjs.ts';

type Values = Float32Array | Int32Array | Uint8Array | readonly number[];

export interface GpuMemory {
  readonly numTensors: number;
  /** Bytes of live tensors. */
  readonly numBytes: number;
  /** Bytes of GPU buffers held, pooled ones included. */
  readonly numBytesInGpu: number;
}

/** Run `f` and free every tensor made in it but the returned ones (and kept ones). */
export function tidy<T extends tf.TensorContainer>(f: () => T): T {
  return tf.tidy(f);
}

/**
 * {@link tidy} for a function that may be asynchronous: what it makes until its promise settles is freed then. Nothing else
 * that makes tensors may run meanwhile.
 * @returns a promise only when `f` does
 */
export function tidyUntilDone(f: () => unknown): void | Promise<void> {
  const engine = tf.engine();
  const end = (): void => engine.endScope();
  engine.startScope('tidyUntilDone');
  let result: unknown;
  try {
    result = f();
  } catch (error) {
    end();
    throw error;
  }
  if (!(result instanceof Promise)) return end();
  return result.then(end, (error: unknown) => {
    end();
    throw error;
  });
}

/** Protect a tensor from the enclosing {@link tidy}; the caller disposes it. */
export function keep<T extends Tensor>(tensor: T): T {
  return tf.keep(tensor);
}

/** Free tensors (nested containers allowed). Disposing twice is harmless. */
export function dispose(container: tf.TensorContainer): void {
  tf.dispose(container);
}

/** Counts of live tensors and bytes. */
export function memory(): GpuMemory {
  const { numTensors, numBytes } = tf.memory();
  return { numTensors, numBytes, numBytesInGpu: handleOrThrow().backend.memory().numBytesAllocatedInGPU };
}

/**
 * Make a tensor from values in row-major order. Copies them.
 *
 * @param dtype default: int32 for Int32Array, else float32.
 */
export function tensor(values: Values, shape: readonly number[], dtype?: DType): Tensor {
  const kind = dtype ?? (values instanceof Int32Array ? 'int32' : 'float32');
  // tfjs uploads lazily from the array it is given: a caller that reuses its buffer would change the tensor.
  const copy = kind === 'int32' ? new Int32Array(values) : new Float32Array(values);
  return tf.tensor(copy, [...shape], kind);
}

/** Make a trainable or frozen variable with its own copy of `initial`'s values; `initial` stays the caller's. */
export function variable(initial: Tensor, trainable = true, name?: string): Variable {
  return unrecorded(() => {
    const copy = emptyTensor(initial.shape, initial.dtype === 'float32' ? 'float32' : 'int32');
    copyInto(copy, initial);
    const result = tf.variable(copy, trainable, name);
    // The variable holds the data now; drop our handle.
    copy.dispose();
    return result;
  });
}

/**
 * Read a tensor's values: one readback, after all queued work.
 *
 * @returns a fresh array, row-major.
 * @throws DeviceError when the device dies meanwhile.
 */
export async function read(source: Tensor): Promise<Float32Array | Int32Array> {
  const { backend } = handleOrThrow();
  // Whoever waits for this promise inside a step would wait for ever.
  const recorder = activeRecorder();
  if (recorder) throw recorder.refuse('a readback inside the step');
  const data = backend.tensorMap.get(source.dataId);
  const kind = source.dtype === 'float32' ? Float32Array : Int32Array;
  if (data.values) return kind.from(data.values as Float32Array);
  // Not backend.read(): it remembers the values, and in-place updates would make them stale.
  const bytes = await orLost(backend.readBytes(source.dataId));
  return new kind(bytes, 0, source.size);
}

/** Read many one-element tensors in a single readback. @returns numbers in the given order. */
export async function readMany(scalars: readonly Tensor[]): Promise<number[]> {
  if (scalars.length === 0) return [];
  const stacked = tf.tidy(() => tf.stack(scalars.map((t) => tf.reshape(tf.cast(t, 'float32'), []))));
  try {
    return [...(await read(stacked))];
  } finally {
    stacked.dispose();
  }
}

/** Submit queued commands without waiting. */
export function flush(): void {
  const { backend } = handleOrThrow();
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
}

/** Wait until the GPU has done all queued work. @throws DeviceError when the device dies meanwhile. */
export async function onIdle(): Promise<void> {
  flush();
  await orLost(handleOrThrow().device.queue.onSubmittedWorkDone());
}

/**
 * Give pooled GPU buffers that no tensor uses back to the device. tfjs keeps one pool per exact size and never shrinks it:
 * call this when shapes change for good (training to evaluation, a new picture size, the next run).
 *
 * @returns bytes freed; none where no engine lives, which holds nothing
 */
export function trimMemory(): number {
  const handle = currentHandle();
  if (handle?.error !== null) return 0;
  flush();
  const pool = handle.backend.bufferManager;
  let bytes = 0;
  for (const buffers of pool.freeBuffers.values())
    for (const buffer of buffers.splice(0)) {
      bytes += buffer.size;
      pool.numFreeBuffers -= 1;
      buffer.destroy();
    }
  pool.numBytesAllocated -= bytes;
  return bytes;
}
