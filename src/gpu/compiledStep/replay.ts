// A recorded step, ready to run again: buffers planned by liveness, bind groups and uniforms made once.
import { invariant } from '../../errors/index.ts';
import { tensorOf, type BufferRange, type EngineBackend } from '../backend.ts';
import { handleOrThrow } from '../engine.ts';
import { isProfiling } from '../profiler.ts';
import { compile, compileAll, encodeDispatch, type ProgramUse, type ReadyDispatch } from '../program.ts';
import type { DataId, RecordedDispatch } from '../recorder.ts';
import type { Tensor } from '../tfjs.ts';
import { planSlots, type SlotPlan } from './liveness.ts';
import type { HostValues, RecordedOutput, Recording, StepTensor } from './recording.ts';
import { sharedSlots, type SharedSlots } from './slots.ts';

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST
const UNIFORM = 0x40 | 0x8; // UNIFORM | COPY_DST
// What every device takes as an offset into a uniform or storage buffer.
const ALIGNMENT = 256;

interface HostInput<A> {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly pick: (args: A) => HostValues;
}

/** When a tensor is needed. */
interface Span {
  readonly first: number;
  last: number;
  readonly reads: number[];
  readonly writes: number[];
}

interface LiveUniforms {
  readonly offset: number;
  readonly words: () => Uint32Array;
  last: Uint32Array;
}

/** Bytes that a plan needs, by what for. */
export interface PlanBytes {
  /** Activations and everything else that lives only inside the step. */
  readonly slots: number;
  /** Pictures, targets and other values from the host. */
  readonly inputs: number;
  readonly constants: number;
}

/** The device can't hold a planned step. Whoever knows what the step is makes a {@link DeviceError} of it. */
export class StepTooLarge extends Error {
  override readonly name = 'StepTooLarge';
  readonly plan: PlanBytes;
  /** The one tensor that no buffer can hold; null when all together are too much. */
  readonly tensor: { readonly bytes: number; readonly limit: number } | null;

  constructor(plan: PlanBytes, tensor: StepTooLarge['tensor']) {
    super('the step needs more memory than the device has');
    this.plan = plan;
    this.tensor = tensor;
  }
}

export class Replay<A> {
  readonly recording: Recording<A>;
  readonly bytes: PlanBytes;
  readonly #backend: EngineBackend;
  readonly #slots: SharedSlots;
  readonly #plan: SlotPlan;
  /** Where the inside tensors live. */
  readonly #slotOf = new Map<DataId, { readonly slot: number; readonly offset: number }>();
  readonly #placeOf = new Map<DataId, Tensor>();
  readonly #constantAt = new Map<DataId, number>();
  readonly #constants: GPUBuffer | null;
  readonly #inputs = new Map<DataId, HostInput<A>>();
  readonly #uniforms: GPUBuffer | null;
  readonly #uniformAt: number[] = [];
  readonly #live: LiveUniforms[] = [];
  /** Outside tensors with the place they had when the bind groups were made. */
  #outside: { readonly data: DataId; readonly buffer: GPUBuffer; readonly offset: number }[] = [];
  #commands: ReadyDispatch[] = [];
  /** Where every tensor of the step is. */
  readonly #ranges = new Map<DataId, BufferRange>();
  #generation = -1;
  /** The backend's count of moves when the outside tensors were last looked at. */
  #moves = -1;
  #isDisposed = false;

  /** Plan the recording and make its small buffers. @throws StepTooLarge */
  constructor(recording: Recording<A>, backend: EngineBackend) {
    this.recording = recording;
    this.#backend = backend;
    this.#slots = sharedSlots(backend);
    for (const output of recording.outputs) this.#planPlace(output);
    this.#dropClashingPlaces();
    this.#plan = this.#planInside();
    this.bytes = this.#countBytes();
    this.#checkSizes();
    this.#constants = this.#makeConstants();
    this.#makeInputs();
    this.#uniforms = this.#makeUniforms();
    this.#slots.retain();
  }

  /** Number of dispatches of one step. */
  get dispatchCount(): number {
    return this.recording.dispatches.length;
  }

  /** False when something that the step uses was disposed, or the device is another one. */
  isAlive(): boolean {
    if (handleOrThrow().backend !== this.#backend) return false;
    if (this.#moves === this.#backend.watchedMoves) return true;
    return this.#outside.every(({ data }) => this.#backend.tensorMap.has(data));
  }

  /** Compile the pipelines and make the buffers ahead of the first run. @throws StepTooLarge */
  async prepare(): Promise<void> {
    const { device } = this.#backend;
    await compileAll(device, this.recording.dispatches.map(useOf));
    device.pushErrorScope('out-of-memory');
    this.#bind();
    const error = await device.popErrorScope();
    if (error) throw new StepTooLarge(this.bytes, null);
  }

  /** Queue the step. @returns its outputs, the caller's: those with a place share its storage, the others are copies */
  run(args: A): Tensor[] {
    const backend = this.#backend;
    for (const effect of this.recording.effects) effect();
    this.#writeInputs(args);
    if (this.#generation !== this.#slots.generation || this.#hasMoved()) this.#bind();
    backend.ensureCommandEncoderReady();
    if (isProfiling()) for (const command of this.#commands) encodeDispatch(backend, command);
    else this.#encode();
    return this.recording.outputs.map((output) => this.#handOut(output));
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // A command that still waits to be sent must find its buffers.
    this.#backend.submitEncoded();
    const { bufferManager } = this.#backend;
    const own = [this.#constants, this.#uniforms, ...[...this.#inputs.values()].map(({ buffer }) => buffer)];
    for (const buffer of own) if (buffer) bufferManager.releaseBuffer(buffer, false);
    this.#slots.release();
  }

  #encode(): void {
    const backend = this.#backend;
    invariant(backend.commandEncoder, 'no command encoder');
    const pass = (backend.computePassEncoder ??= backend.commandEncoder.beginComputePass());
    let current: GPUComputePipeline | null = null;
    for (const { pipeline, group, grid } of this.#commands) {
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, group);
      const [x, y, z] = grid;
      // Each argument is converted on its way into the browser.
      if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
      else pass.dispatchWorkgroups(x, y, z);
    }
  }

  /** An output may be written straight to its place when it is made inside the step and nothing else has that place. */
  #planPlace({ data, place }: RecordedOutput): void {
    if (!place || this.#placeOf.has(data)) return;
    if (this.#noted(data).origin.kind !== 'inside') return;
    const isTaken = [...this.#placeOf.values()].some((other) => other.dataId === place.dataId);
    // The place must not be read or written by the step itself.
    if (!isTaken && !this.recording.tensors.has(place.dataId)) this.#placeOf.set(data, place);
  }

  /**
   * Places are parts of one buffer, and WebGPU forbids a dispatch to write one part of it and to read another: an output
   * that a further one is made of gets no place.
   */
  #dropClashingPlaces(): void {
    for (const { bindings } of this.recording.dispatches) {
      const placed = bindings.filter(({ data }) => this.#placeOf.has(data));
      if (!placed.some(({ isWritten }) => isWritten)) continue;
      for (const { data, isWritten } of placed) if (!isWritten) this.#placeOf.delete(data);
    }
  }

  #planInside(): SlotPlan {
    const { dispatches, tensors, outputs } = this.recording;
    const spans = new Map<DataId, Span>();
    dispatches.forEach(({ bindings }, at) => {
      for (const { data, isWritten } of bindings) {
        let span = spans.get(data);
        if (!span) spans.set(data, (span = { first: at, last: at, reads: [], writes: [] }));
        span.last = at;
        (isWritten ? span.writes : span.reads).push(at);
      }
    });
    for (const { data } of outputs) {
      const span = spans.get(data);
      if (span) span.last = dispatches.length;
    }
    const inside = [...spans].filter(
      ([data]) => tensors.get(data)?.origin.kind === 'inside' && !this.#placeOf.has(data),
    );
    const plan = planSlots(inside.map(([data, span]) => ({ ...span, bytes: this.#noted(data).bytes })));
    inside.forEach(([data], i) => {
      this.#slotOf.set(data, { slot: plan.slotOf[i], offset: plan.offsetOf[i] });
    });
    return plan;
  }

  #countBytes(): PlanBytes {
    const bytes = { slots: 0, inputs: 0, constants: 0 };
    for (const size of this.#plan.slotBytes) bytes.slots += size;
    for (const tensor of this.recording.tensors.values()) {
      if (tensor.origin.kind === 'input') bytes.inputs += tensor.bytes;
      if (tensor.origin.kind === 'constant') bytes.constants += roundUp(tensor.bytes);
    }
    return bytes;
  }

  /** Told here by name: WebGPU would only report a validation error, later. */
  #checkSizes(): void {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#backend.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    for (const { bytes } of this.recording.tensors.values())
      if (bytes > limit) throw new StepTooLarge(this.bytes, { bytes, limit });
  }

  #makeConstants(): GPUBuffer | null {
    const parts: { at: number; values: HostValues }[] = [];
    let bytes = 0;
    for (const { data, origin } of this.recording.tensors.values()) {
      if (origin.kind !== 'constant') continue;
      this.#constantAt.set(data, bytes);
      parts.push({ at: bytes, values: origin.values });
      bytes += roundUp(origin.values.byteLength);
    }
    if (bytes === 0) return null;
    const { bufferManager, queue } = this.#backend;
    const buffer = bufferManager.acquireBuffer(bytes, STORAGE, false, false);
    for (const { at, values } of parts) queue.writeBuffer(buffer, at, values as Float32Array<ArrayBuffer>);
    return buffer;
  }

  #makeInputs(): void {
    for (const { data, origin, bytes } of this.recording.tensors.values()) {
      if (origin.kind !== 'input') continue;
      const buffer = this.#backend.bufferManager.acquireBuffer(bytes, STORAGE, false, false);
      this.#inputs.set(data, { buffer, bytes, pick: origin.pick });
    }
  }

  #makeUniforms(): GPUBuffer | null {
    const known = new Map<string, number>();
    const parts: { at: number; words: Uint32Array }[] = [];
    let bytes = 0;
    for (const { uniforms, liveUniforms } of this.recording.dispatches) {
      if (!uniforms) {
        this.#uniformAt.push(-1);
        continue;
      }
      const key = uniforms.join();
      let at = liveUniforms ? undefined : known.get(key);
      if (at === undefined) {
        at = bytes;
        parts.push({ at, words: uniforms });
        bytes += roundUp(uniforms.byteLength);
        if (liveUniforms) this.#live.push({ offset: at, words: liveUniforms, last: uniforms });
        else known.set(key, at);
      }
      this.#uniformAt.push(at);
    }
    if (bytes === 0) return null;
    const all = new Uint32Array(bytes / 4);
    for (const { at, words } of parts) all.set(words, at / 4);
    const buffer = this.#backend.bufferManager.acquireBuffer(bytes, UNIFORM, false, false);
    this.#backend.queue.writeBuffer(buffer, 0, all);
    return buffer;
  }

  #writeInputs(args: A): void {
    const backend = this.#backend;
    // A write to a buffer overtakes commands that are encoded but not yet submitted.
    backend.submitEncoded();
    for (const { buffer, bytes, pick } of this.#inputs.values()) {
      const values = pick(args);
      invariant(values.byteLength === bytes, `a step's input has ${values.byteLength} bytes, not ${bytes}`);
      backend.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    }
    for (const live of this.#live) {
      const words = live.words();
      if (this.#uniforms && words.some((word, i) => word !== live.last[i]))
        backend.queue.writeBuffer(this.#uniforms, live.offset, words as Uint32Array<ArrayBuffer>);
      live.last = words;
    }
  }

  /** True when a tensor from outside has got another buffer since the bind groups were made. */
  #hasMoved(): boolean {
    const { watchedMoves } = this.#backend;
    if (watchedMoves === this.#moves) return false;
    this.#moves = watchedMoves;
    return this.#outside.some(({ data, buffer, offset }) => {
      const range = this.#backend.rangeOf(data);
      return range.buffer !== buffer || (range.offset ?? 0) !== offset;
    });
  }

  #bind(): void {
    const { device } = this.#backend;
    const slots = this.#slots.take(this.#plan.slotBytes);
    this.#generation = this.#slots.generation;
    const ranges = this.#ranges;
    ranges.clear();
    this.#outside = [];
    for (const tensor of this.recording.tensors.values())
      ranges.set(tensor.data, this.#rangeOf(tensor, slots));
    this.#commands = this.recording.dispatches.map((dispatch, i) => {
      const { program, bindings, uniforms, grid, work } = dispatch;
      const { pipeline, layout } = compile(device, useOf(dispatch));
      const entries = bindings.map(({ data }, binding): GPUBindGroupEntry => {
        const range = ranges.get(data);
        invariant(range, 'a tensor of the step has no place');
        return { binding, resource: range };
      });
      if (uniforms && this.#uniforms)
        entries.push(uniformEntry(dispatch, this.#uniforms, this.#uniformAt[i]));
      const group = device.createBindGroup({ layout, entries });
      return { key: program.key, pipeline, group, grid, work };
    });
  }

  #rangeOf({ data, bytes, origin }: StepTensor<A>, slots: readonly GPUBuffer[]): BufferRange {
    const place = this.#placeOf.get(data);
    const outside = place?.dataId ?? (origin.kind === 'outside' ? data : null);
    if (outside) {
      const range = this.#backend.rangeOf(outside);
      this.#outside.push({ data: outside, buffer: range.buffer, offset: range.offset ?? 0 });
      this.#backend.watch(outside);
      // A host copy of what the step writes would be stale.
      this.#backend.tensorMap.get(outside).values = null;
      return range;
    }
    if (origin.kind === 'constant' && this.#constants)
      return { buffer: this.#constants, offset: this.#constantAt.get(data) ?? 0, size: bytes };
    const input = this.#inputs.get(data);
    if (input) return { buffer: input.buffer };
    const at = this.#slotOf.get(data);
    // An output that no dispatch made: the body hands out a parameter, or nothing at all.
    invariant(at, 'a step hands out a tensor that it never computes');
    return { buffer: slots[at.slot], offset: at.offset, size: bytes };
  }

  #handOut({ data, shape, dtype, place }: RecordedOutput): Tensor {
    const backend = this.#backend;
    if (place && this.#placeOf.get(data) === place) {
      // What a reshape does, without the way through tfjs's kernels.
      backend.incRef(place.dataId);
      return tensorOf({ dataId: place.dataId, shape: [...shape], dtype }, backend);
    }
    const info = backend.makeTensorInfo([...shape], dtype);
    const source = this.#ranges.get(data);
    invariant(source, 'an output of the step has no place');
    const target = backend.rangeOf(info.dataId);
    backend.endComputePassEncoder();
    backend.commandEncoder?.copyBufferToBuffer(
      source.buffer,
      source.offset ?? 0,
      target.buffer,
      0,
      this.#noted(data).bytes,
    );
    backend.commandQueueOwnedIds.add(info.dataId);
    return tensorOf(info, backend);
  }

  #noted(data: DataId): StepTensor<A> {
    const tensor = this.recording.tensors.get(data);
    invariant(tensor, 'a tensor of the step was never noted');
    return tensor;
  }
}

function useOf({ program, bindings, readCount, uniforms }: RecordedDispatch): ProgramUse {
  return { program, readCount, writeCount: bindings.length - readCount, hasUniforms: uniforms !== null };
}

function uniformEntry(
  { bindings, uniforms }: RecordedDispatch,
  buffer: GPUBuffer,
  offset: number,
): GPUBindGroupEntry {
  // 16 bytes: the size of a uniform struct is a multiple of its alignment.
  const size = Math.ceil((uniforms?.byteLength ?? 0) / 16) * 16;
  return { binding: bindings.length, resource: { buffer, offset, size } };
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
