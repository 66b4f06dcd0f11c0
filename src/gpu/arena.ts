// Many tensors in one buffer: what is done to all parameters of a model is done to one tensor, in one dispatch.
import { invariant } from '../errors/index.ts';
import { handleOrThrow } from './engine.ts';
import { emptyTensor } from './program.ts';
import { activeRecorder } from './recorder.ts';
import { tf, type Tensor } from './tfjs.ts';

/** Elements of a block. Every part of an arena starts at a multiple of it, as a storage binding must (256 bytes). */
export const BLOCK = 64;

/** float32 tensors that lie in one buffer, in order; the gaps between them are zero at first. */
export interface Arena {
  /** float32 [size]: the whole buffer, gaps included. */
  readonly whole: Tensor;
  readonly parts: readonly Tensor[];
  /** Where each part starts, in elements. */
  readonly offsets: readonly number[];
  /** Elements, a multiple of {@link BLOCK}. */
  readonly size: number;
  /** Free `whole`, and the parts if the arena made them; the buffer goes with the last tensor in it. */
  dispose(): void;
}

/**
 * Move tensors into one buffer. Their handles stay valid and stay the caller's.
 *
 * @param tensors float32, not empty, no two of the same memory
 */
export function packTensors(tensors: readonly Tensor[]): Arena {
  for (const { dtype, size } of tensors)
    invariant(dtype === 'float32' && size > 0, `${dtype} of ${size} elements in an arena`);
  const { offsets, size } = layoutOf(tensors);
  const whole = tf.keep(emptyTensor([size]));
  handleOrThrow().backend.pack(4 * size, placesOf(tensors, offsets), whole);
  return { whole, parts: [...tensors], offsets, size, dispose: () => whole.dispose() };
}

/** Make tensors of zeros in one buffer. @param shapes none of them empty */
export function createArena(shapes: readonly (readonly number[])[]): Arena {
  const parts = shapes.map((shape) => tf.keep(emptyTensor(shape)));
  const { offsets, size } = layoutOf(parts);
  const whole = tf.keep(emptyTensor([size]));
  const places = [...placesOf(parts, offsets), { tensor: whole, offset: 0, size: 4 * size }];
  handleOrThrow().backend.share(4 * size, places);
  return { whole, parts, offsets, size, dispose: () => tf.dispose([whole, ...parts]) };
}

/**
 * The whole arena that a part lies in, as a tensor.
 *
 * @returns float32, the caller's; a new handle of the same memory
 */
export function wholeOf(part: Tensor): Tensor {
  let whole: Tensor | null = null;
  const isPart = handleOrThrow().backend.attachWhole(
    part.dataId,
    (bytes) => (whole = emptyTensor([bytes / 4])),
  );
  invariant(isPart && whole, 'a tensor that is no part of an arena');
  return whole;
}

/** The largest arena that a kernel can take, in elements. */
export function maxArenaSize(): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = handleOrThrow().device.limits;
  return Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / (4 * BLOCK)) * BLOCK;
}

/** Elements that a part takes, its gap included. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function layoutOf(tensors: readonly Tensor[]): { offsets: number[]; size: number } {
  let size = 0;
  const offsets = tensors.map((tensor) => {
    const offset = size;
    size += paddedSize(tensor.size);
    return offset;
  });
  return { offsets, size };
}

function placesOf(
  tensors: readonly Tensor[],
  offsets: readonly number[],
): { tensor: Tensor; offset: number; size: number }[] {
  return tensors.map((tensor, i) => ({ tensor, offset: 4 * offsets[i], size: 4 * tensor.size }));
}

/** Copy tensors of the same size, in order, without a dispatch. No source may lie in its target's arena. */
export function copyTensors(pairs: readonly { readonly from: Tensor; readonly to: Tensor }[]): void {
  if (pairs.length === 0) return;
  const { backend } = handleOrThrow();
  const ranges = pairs.map(({ from, to }) => {
    invariant(from.size === to.size, `copy of ${from.size} elements into ${to.size}`);
    return { from: backend.rangeOf(from.dataId), to: backend.rangeOf(to.dataId), bytes: 4 * from.size };
  });
  const encoder = openEncoder('a copy between buffers');
  for (const { from, to, bytes } of ranges)
    encoder.copyBufferToBuffer(from.buffer, from.offset ?? 0, to.buffer, to.offset ?? 0, bytes);
  for (const { from, to } of pairs) {
    backend.commandQueueOwnedIds.add(from.dataId);
    backend.commandQueueOwnedIds.add(to.dataId);
    // A copy of the old values on the CPU would be stale from now on.
    backend.tensorMap.get(to.dataId).values = null;
  }
}

/** Make tensors zero, without a dispatch. */
export function clearTensors(tensors: readonly Tensor[]): void {
  if (tensors.length === 0) return;
  const { backend } = handleOrThrow();
  const ranges = tensors.map(({ dataId }) => backend.rangeOf(dataId));
  const encoder = openEncoder('the clearing of a buffer');
  ranges.forEach(({ buffer, offset }, i) => encoder.clearBuffer(buffer, offset ?? 0, 4 * tensors[i].size));
  for (const { dataId } of tensors) {
    backend.commandQueueOwnedIds.add(dataId);
    backend.tensorMap.get(dataId).values = null;
  }
}

/**
 * Overwrite the first words of a tensor from the CPU, behind all commands that were queued before.
 *
 * @param words at most as many as the tensor has elements; borrowed
 */
export function writeWords(target: Tensor, words: Uint32Array | Float32Array): void {
  refuseRecording('values from the CPU');
  const { backend } = handleOrThrow();
  // A queue's write comes before commands that are encoded but not submitted yet, which may use this tensor, or the
  // buffer that it gets for the former owner.
  const isNew = !backend.tensorMap.get(target.dataId).resource;
  const { buffer, offset = 0 } = backend.rangeOf(target.dataId);
  if (backend.commandEncoder && (isNew || backend.commandQueueOwnedIds.has(target.dataId))) {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
  backend.queue.writeBuffer(buffer, offset, words);
}

function openEncoder(what: string): GPUCommandEncoder {
  refuseRecording(what);
  const { backend } = handleOrThrow();
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  const encoder = backend.commandEncoder;
  invariant(encoder, 'no command encoder');
  return encoder;
}

function refuseRecording(what: string): void {
  const recorder = activeRecorder();
  if (recorder) throw recorder.refuse(what);
}
