// Many tensors in a few buffers: what is done to all parameters of a model is done to one tensor, in one dispatch, or to
// as few as the device can bind.
import { invariant } from '../../errors/index.ts';
import { handleOrThrow } from '../device/handle.ts';
import { emptyTensor } from './emptyTensor.ts';
import { activeRecorder } from '../dispatch/recorder.ts';
import { tf, type Tensor } from '../device/tfjs.ts';
import { at } from '../../util/at.ts';

/** Elements of a block. Every part of an arena starts at a multiple of it, as a storage binding must (256 bytes). */
export const BLOCK = 64;

/** One buffer of an arena. */
export interface ArenaChunk {
  /** float32 [size]: the whole buffer, gaps included. */
  readonly whole: Tensor;
  /** Elements, a multiple of {@link BLOCK}; never more than a kernel can bind. */
  readonly size: number;
  /** Index of its first part. */
  readonly first: number;
  /** Where each of its parts starts, in elements. */
  readonly offsets: readonly number[];
}

/** float32 tensors that lie in as few buffers as can be, in order; the gaps between them are zero at first. */
export interface Arena {
  readonly chunks: readonly ArenaChunk[];
  readonly parts: readonly Tensor[];
  /** Free the whole buffers' tensors, and the parts if the arena made them; a buffer goes with the last tensor in it. */
  dispose(): void;
}

/**
 * Move tensors into an arena. Their handles stay valid and stay the caller's.
 *
 * @param tensors float32, not empty, none larger than {@link maxPartSize}, no two of the same memory
 */
export function packTensors(tensors: readonly Tensor[]): Arena {
  for (const { dtype, size } of tensors)
    invariant(dtype === 'float32' && size > 0, `${dtype} of ${size} elements in an arena`);
  const { backend } = handleOrThrow();
  const chunks = layoutOf(tensors);
  for (const chunk of chunks) backend.pack(4 * chunk.size, placesOf(tensors, chunk), chunk.whole);
  return { chunks, parts: [...tensors], dispose: () => tf.dispose(chunks.map(({ whole }) => whole)) };
}

/** Make tensors of zeros in an arena. @param shapes none of them empty or larger than {@link maxPartSize} */
export function createArena(shapes: readonly (readonly number[])[]): Arena {
  const { backend } = handleOrThrow();
  const parts = shapes.map((shape) => tf.keep(emptyTensor(shape)));
  const chunks = layoutOf(parts);
  for (const chunk of chunks) {
    const whole = { tensor: chunk.whole, offset: 0, size: 4 * chunk.size };
    backend.share(4 * chunk.size, [...placesOf(parts, chunk), whole]);
  }
  return { chunks, parts, dispose: () => tf.dispose([...chunks.map(({ whole }) => whole), ...parts]) };
}

/**
 * The whole buffer that a part of an arena lies in, as a tensor.
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

/** The largest tensor that can be part of an arena, in elements. */
export function maxPartSize(): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = handleOrThrow().device.limits;
  return Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / (4 * BLOCK)) * BLOCK;
}

/** Chunks for tensors in their order, each filled as far as a binding goes. */
function layoutOf(tensors: readonly Tensor[]): ArenaChunk[] {
  const limit = maxPartSize();
  const chunks: { first: number; size: number; offsets: number[] }[] = [];
  tensors.forEach(({ size }, i) => {
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    invariant(padded <= limit, `a part of ${size} elements in an arena`);
    let chunk = chunks.at(-1);
    if (!chunk || chunk.size + padded > limit) chunks.push((chunk = { first: i, size: 0, offsets: [] }));
    chunk.offsets.push(chunk.size);
    chunk.size += padded;
  });
  return chunks.map((chunk) => ({ ...chunk, whole: tf.keep(emptyTensor([chunk.size])) }));
}

function placesOf(
  tensors: readonly Tensor[],
  { first, offsets }: ArenaChunk,
): { tensor: Tensor; offset: number; size: number }[] {
  return offsets.map((offset, i) => {
    const tensor = at(tensors, first + i);
    return { tensor, offset: 4 * offset, size: 4 * tensor.size };
  });
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
  ranges.forEach(({ buffer, offset }, i) =>
    encoder.clearBuffer(buffer, offset ?? 0, 4 * at(tensors, i).size),
  );
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
