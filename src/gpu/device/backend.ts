// tfjs's WebGPU backend, extended where training needs more: tensors that are parts of one shared buffer (packed
// parameters), and dispatches that are recorded instead of run (the compiled step).
import { invariant } from '../../errors/index.ts';
import { outOfMemory } from './deviceErrors.ts';
import { tf, WebGPUBackend, type Tensor, type TensorInfo } from './tfjs.ts';
import { at } from '../../util/at.ts';

/** Identity of a tensor's storage: tensors that share memory share it. */
export type DataId = object;

/** What stands in for the GPU while a step is recorded, as far as storage goes. */
export interface StorageRecorder {
  /** A tensor's storage was made. */
  created(data: DataId): void;
  /** Something can't be replayed; the recording fails even if the error is caught. @returns the error to throw */
  refuse(culprit: string): Error;
}

/** A tensor's place on the GPU, as a bind group takes it. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  /** Bytes; left out where the range is the whole buffer. */
  readonly offset?: number;
  readonly size?: number;
}

/** What tfjs (4.22) keeps of a tensor. */
export interface TensorData {
  values: Float32Array | Int32Array | Uint8Array | null;
  readonly dtype: string;
  readonly shape: readonly number[];
  refCount: number;
  resource?: GPUBuffer | null;
  /** The buffer isn't tfjs's to free. */
  external?: boolean;
}

/** tfjs's pool of buffers. */
export interface BufferPool {
  acquireBuffer(
    size: number,
    usage: GPUBufferUsageFlags,
    mappedAtCreation?: boolean,
    reuse?: boolean,
  ): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
  readonly freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
}

interface TfjsProgram {
  readonly shaderKey: string;
}

// The members of tfjs's backend that we use or change, private ones included.
interface StockBackend extends tf.KernelBackend {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly bufferManager: BufferPool;
  readonly tensorMap: { get(id: DataId): TensorData; has(id: DataId): boolean };
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  commandQueueOwnedIds: WeakSet<object>;
  dispatchCountInPass: number;
  uniformPendingDisposal: GPUBuffer[];
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  uploadToGPU(id: DataId): void;
  releaseResource(id: DataId): void;
  tensorToBinding(tensor: TensorInfo): GPUBindingResource;
  recordAndSubmit(program: TfjsProgram, output: TensorInfo, inputs: TensorInfo[], uniforms?: unknown): void;
  makeTensorInfo(shape: number[], dtype: string): TensorInfo;
  memory(): { numBytesAllocatedInGPU: number; unreliable: boolean };
}

// TypeScript doesn't let a subclass override private members; at run time they are ordinary methods.
const Stock = WebGPUBackend as unknown as new (device: GPUDevice, info?: GPUAdapterInfo) => StockBackend;

/** A buffer that several tensors are parts of; freed with the last of them. */
interface SharedBuffer {
  readonly buffer: GPUBuffer;
  users: number;
}

interface View {
  readonly shared: SharedBuffer;
  readonly offset: number;
  readonly size: number;
}

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

export class EngineBackend extends Stock {
  readonly #recorder: () => StorageRecorder | null;
  readonly #views = new WeakMap<DataId, View>();
  readonly #watched = new WeakSet<DataId>();
  #watchedMoves = 0;

  /** @param recorder the one that takes dispatches now, or null when they are run */
  constructor(device: GPUDevice, info: GPUAdapterInfo, recorder: () => StorageRecorder | null) {
    super(device, info);
    this.#recorder = recorder;
  }

  /** Changes whenever a watched tensor leaves its buffer: whoever remembers where they are looks again. */
  get watchedMoves(): number {
    return this.#watchedMoves;
  }

  /** Count the tensor's moves, and its end, in {@link watchedMoves}. */
  watch(id: DataId): void {
    this.#watched.add(id);
  }

  /** Where the tensor's data is; allocates and uploads it first if it isn't on the GPU yet. */
  rangeOf(id: DataId): BufferRange {
    const data = this.tensorMap.get(id);
    if (!data.resource) this.uploadToGPU(id);
    const { resource } = data;
    invariant(resource, 'a tensor has no buffer');
    const view = this.#views.get(id);
    return view ? { buffer: resource, offset: view.offset, size: view.size } : { buffer: resource };
  }

  /**
   * Make tensors the parts of one new buffer, zero at first.
   * @param parts byte offsets (multiples of 256) and sizes; each tensor must be without a buffer
   * @returns the buffer; it is freed when the last of the tensors is
   */
  share(bytes: number, parts: readonly { tensor: TensorInfo; offset: number; size: number }[]): GPUBuffer {
    const shared = { buffer: this.bufferManager.acquireBuffer(bytes, STORAGE), users: 0 };
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    this.commandEncoder?.clearBuffer(shared.buffer);
    for (const { tensor, offset, size } of parts) this.#attach(tensor.dataId, { shared, offset, size });
    return shared.buffer;
  }

  /**
   * Move tensors' data into one new buffer; their handles stay valid, and gaps are zero.
   * @param parts as {@link share}, but the tensors may hold data
   * @param whole without a buffer; becomes the whole buffer as one tensor
   */
  pack(
    bytes: number,
    parts: readonly { tensor: TensorInfo; offset: number; size: number }[],
    whole?: TensorInfo,
  ): GPUBuffer {
    const before = parts.map(({ tensor }) => this.rangeOf(tensor.dataId));
    const shared = { buffer: this.bufferManager.acquireBuffer(bytes, STORAGE), users: 0 };
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    const encoder = this.commandEncoder;
    invariant(encoder, 'no command encoder');
    encoder.clearBuffer(shared.buffer);
    parts.forEach(({ offset, size }, i) => {
      encoder.copyBufferToBuffer(
        at(before, i).buffer,
        at(before, i).offset ?? 0,
        shared.buffer,
        offset,
        size,
      );
    });
    // The old buffers' next owners may be written by the queue, ahead of commands that wait in the encoder.
    this.submitQueue();
    for (const { tensor, offset, size } of parts) {
      this.releaseResource(tensor.dataId);
      this.#attach(tensor.dataId, { shared, offset, size });
    }
    if (whole) this.#attach(whole.dataId, { shared, offset: 0, size: bytes });
    return shared.buffer;
  }

  /**
   * Make a tensor all of the buffer that a part lies in.
   * @param whole gives the tensor, without a buffer, for the buffer's bytes
   * @returns false when `part` isn't part of a shared buffer
   */
  attachWhole(part: DataId, whole: (bytes: number) => TensorInfo): boolean {
    const view = this.#views.get(part);
    if (!view) return false;
    const { shared } = view;
    const bytes = shared.buffer.size;
    this.#attach(whole(bytes).dataId, { shared, offset: 0, size: bytes });
    return true;
  }

  #attach(id: DataId, view: View): void {
    const data = this.tensorMap.get(id);
    data.resource = view.shared.buffer;
    data.values = null;
    data.external = true;
    view.shared.users += 1;
    this.#views.set(id, view);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): DataId {
    const id = super.write(values, shape, dtype);
    this.#recorder()?.created(id);
    return id;
  }

  override releaseResource(id: DataId): void {
    // A failed recording drops tensors that tfjs still has on its list.
    if (!this.tensorMap.has(id)) return;
    if (this.#watched.has(id)) this.#watchedMoves += 1;
    const view = this.#views.get(id);
    super.releaseResource(id);
    if (!view) return;
    this.#views.delete(id);
    this.tensorMap.get(id).external = false;
    view.shared.users -= 1;
    if (view.shared.users === 0) this.bufferManager.releaseBuffer(view.shared.buffer);
  }

  override uploadToGPU(id: DataId): void {
    // While recording nothing is allocated: the plan finds a place for every tensor afterwards.
    if (this.#recorder()) return;
    try {
      super.uploadToGPU(id);
    } catch (error) {
      // A buffer that comes with values is mapped at once: WebGPU throws where it has no memory for that.
      throw error instanceof RangeError ? outOfMemory(error.message) : error;
    }
  }

  override tensorToBinding(tensor: TensorInfo): GPUBindingResource {
    return this.#views.has(tensor.dataId) ? this.rangeOf(tensor.dataId) : super.tensorToBinding(tensor);
  }

  override recordAndSubmit(
    program: TfjsProgram,
    output: TensorInfo,
    inputs: TensorInfo[],
    uniforms?: unknown,
  ): void {
    const recorder = this.#recorder();
    if (recorder) throw recorder.refuse(`TensorFlow.js's kernel ${program.shaderKey.split('_')[0]}`);
    super.recordAndSubmit(program, output, inputs, uniforms);
  }

  /** Send what is encoded: the buffers that it uses may be written by the queue, or destroyed, from then on. */
  submitEncoded(): void {
    if (!this.commandEncoder) return;
    this.endComputePassEncoder();
    this.submitQueue();
  }

  /** Copy a tensor's bytes out, after all queued work; later work doesn't change them. */
  async readBytes(id: DataId): Promise<ArrayBuffer> {
    const { buffer, offset = 0, size = buffer.size } = this.rangeOf(id);
    const usage = 0x8 | 0x1; // COPY_DST | MAP_READ
    const staging = this.bufferManager.acquireBuffer(size, usage);
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    this.commandEncoder?.copyBufferToBuffer(buffer, offset, staging, 0, size);
    this.submitQueue();
    await staging.mapAsync(0x1);
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    this.bufferManager.releaseBuffer(staging);
    return bytes;
  }
}

/** Make a tensor of a handle, tracked by the enclosing tidy. */
export function tensorOf(info: TensorInfo, backend: EngineBackend): Tensor {
  return tf.engine().makeTensorFromTensorInfo(info, backend);
}
