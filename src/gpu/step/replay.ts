// A recorded step, ready to run again: buffers as planned, bind groups and uniforms made once.
import { invariant } from '../../errors/index.ts';
import { tensorOf, type BufferRange, type EngineBackend } from '../device/backend.ts';
import { handleOrThrow } from '../device/handle.ts';
import { isProfiling } from '../dispatch/profiler.ts';
import { compile, compileAll, type ProgramUse } from '../dispatch/pipelines.ts';
import { encodeDispatch, type ReadyDispatch } from '../dispatch/runProgram.ts';
import type { DataId } from '../device/backend.ts';
import type { RecordedDispatch } from '../dispatch/recorder.ts';
import type { Tensor } from '../device/tfjs.ts';
import { StepPlan, StepTooLarge, type LiveUniforms, type PlanBytes } from './plan.ts';
import type { HostValues, RecordedOutput, Recording, StepTensor } from './recordedStep.ts';
import { missingBytes, stepBuffers, type StepBuffers } from './slots.ts';
import { at as itemAt } from '../../util/at.ts';

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST
const UNIFORM = 0x40 | 0x8; // UNIFORM | COPY_DST

/** Buffers of this step alone; null where it needs none. */
interface OwnBuffers {
  readonly constants: GPUBuffer | null;
  readonly uniforms: GPUBuffer | null;
}

export class Replay<A> {
  readonly recording: Recording<A>;
  readonly #plan: StepPlan<A>;
  readonly #backend: EngineBackend;
  readonly #shared: StepBuffers;
  #own: OwnBuffers | null = null;
  /** What changes from step to step, and what of it the GPU has. */
  readonly #live: readonly { readonly uniforms: LiveUniforms; last: Uint32Array }[];
  /** Outside tensors with the place they had when the bind groups were made. */
  #outside: { readonly data: DataId; readonly buffer: GPUBuffer; readonly offset: number }[] = [];
  #commands: ReadyDispatch[] = [];
  /** Where every tensor of the step is. */
  readonly #ranges = new Map<DataId, BufferRange>();
  #generation = -1;
  /** The backend's count of moves when the outside tensors were last looked at. */
  #moves = -1;
  #isDisposed = false;

  /** Plan the recording; no buffer is made yet. @throws StepTooLarge */
  constructor(recording: Recording<A>, backend: EngineBackend) {
    this.recording = recording;
    this.#backend = backend;
    this.#plan = new StepPlan(recording, backend.device.limits);
    this.#live = this.#plan.live.map((uniforms) => ({ uniforms, last: uniforms.first }));
    this.#shared = stepBuffers(backend);
    this.#shared.slots.retain();
    this.#shared.inputs.retain();
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

  /**
   * Compile the pipelines and make the buffers ahead of the first run.
   * @returns what all steps together hold from now on, with this one's constants
   * @throws StepTooLarge
   */
  async prepare(): Promise<PlanBytes> {
    const { device } = this.#backend;
    await compileAll(device, this.recording.dispatches.map(useOf));
    const missing = await this.#reserve();
    if (missing > 0) {
      const { slots, inputs, constants } = this.#plan.bytes;
      throw new StepTooLarge(this.#plan.bytes, { kind: 'sum', given: slots + inputs + constants - missing });
    }
    this.#bind();
    const { slots, inputs } = this.#shared;
    return { slots: slots.bytes, inputs: inputs.bytes, constants: this.#plan.bytes.constants };
  }

  /**
   * Queue the step.
   * @returns its outputs, the caller's: those with a place share its storage, the others are copies
   * @throws NotRecordable, before anything is done, when an input has another size than it was recorded with
   */
  run(args: A): Tensor[] {
    const backend = this.#backend;
    const inputs = this.#plan.inputs.map(({ data, pick }) => ({ data, values: pick(args) }));
    for (const effect of this.recording.effects) effect();
    if (this.#generation !== this.#sharedGeneration || this.#hasMoved()) this.#bind();
    this.#writeInputs(inputs);
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
    this.#freeOwn();
    this.#shared.slots.release();
    this.#shared.inputs.release();
  }

  get #sharedGeneration(): number {
    // Both only grow.
    return this.#shared.slots.generation + this.#shared.inputs.generation;
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

  /** Make all buffers, and see whether the device has so much. @returns bytes that it lacks; nothing is held then */
  async #reserve(): Promise<number> {
    const { slotBytes, inputBytes, bytes, constantBytes, uniformBytes } = this.#plan;
    let own: OwnBuffers | null = null;
    const lacking = await Promise.all([
      missingBytes(this.#backend.device, [
        { bytes: constantBytes + uniformBytes, make: () => (own = this.#makeOwn()) },
      ]),
      this.#shared.slots.reserve(slotBytes),
      this.#shared.inputs.reserve(inputBytes),
    ]);
    this.#own = own;
    const missing = lacking.reduce((a, b) => a + b, 0);
    if (missing > 0) this.#freeOwn();
    else this.#fillOwn();
    return Math.min(missing, bytes.slots + bytes.inputs + bytes.constants);
  }

  #makeOwn(): OwnBuffers {
    const { constantBytes, uniformBytes } = this.#plan;
    const make = (bytes: number, usage: number): GPUBuffer | null =>
      bytes === 0 ? null : this.#backend.bufferManager.acquireBuffer(bytes, usage, false, false);
    return { constants: make(constantBytes, STORAGE), uniforms: make(uniformBytes, UNIFORM) };
  }

  #fillOwn(): void {
    const { queue } = this.#backend;
    const { constants, uniforms } = this.#own ?? {};
    if (constants)
      for (const { at, values } of this.#plan.constants)
        queue.writeBuffer(constants, at, values as Float32Array<ArrayBuffer>);
    if (!uniforms) return;
    const all = new Uint32Array(this.#plan.uniformBytes / 4);
    for (const { at, words } of this.#plan.uniforms) all.set(words, at / 4);
    queue.writeBuffer(uniforms, 0, all);
  }

  #freeOwn(): void {
    for (const buffer of Object.values<GPUBuffer | null>({ ...this.#own }))
      if (buffer) this.#backend.bufferManager.releaseBuffer(buffer, false);
    this.#own = null;
  }

  #writeInputs(inputs: readonly { readonly data: DataId; readonly values: HostValues }[]): void {
    const backend = this.#backend;
    // A write to a buffer overtakes commands that are encoded but not yet submitted.
    backend.submitEncoded();
    for (const { data, values } of inputs)
      backend.queue.writeBuffer(this.#rangeAt(data).buffer, 0, values as Float32Array<ArrayBuffer>);
    const uniforms = this.#own?.uniforms;
    for (const live of this.#live) {
      const words = live.uniforms.words();
      if (uniforms && words.some((word, i) => word !== live.last[i]))
        backend.queue.writeBuffer(uniforms, live.uniforms.offset, words as Uint32Array<ArrayBuffer>);
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
    if (!this.#own) {
      this.#own = this.#makeOwn();
      this.#fillOwn();
    }
    const { uniforms: uniformBuffer } = this.#own;
    const slots = this.#shared.slots.take(this.#plan.slotBytes);
    const inputs = this.#shared.inputs.take(this.#plan.inputBytes);
    this.#generation = this.#sharedGeneration;
    this.#ranges.clear();
    this.#outside = [];
    for (const tensor of this.recording.tensors.values())
      this.#ranges.set(tensor.data, this.#rangeOf(tensor, slots, inputs));
    this.#commands = this.recording.dispatches.map((dispatch, i) => {
      const { program, bindings, uniforms, grid, work } = dispatch;
      const { pipeline, layout } = compile(device, useOf(dispatch));
      const entries = bindings.map(({ data }, binding): GPUBindGroupEntry => ({
        binding,
        resource: this.#rangeAt(data),
      }));
      if (uniforms && uniformBuffer)
        entries.push(uniformEntry(dispatch, uniformBuffer, itemAt(this.#plan.uniformAt, i)));
      const group = device.createBindGroup({ layout, entries });
      return { key: program.key, pipeline, group, grid, work };
    });
  }

  #rangeOf(
    { data, bytes, origin }: StepTensor<A>,
    slots: readonly GPUBuffer[],
    inputs: readonly GPUBuffer[],
  ): BufferRange {
    const outside = this.#plan.outputPlace(data)?.dataId ?? (origin.kind === 'outside' ? data : null);
    if (outside) {
      const range = this.#backend.rangeOf(outside);
      this.#outside.push({ data: outside, buffer: range.buffer, offset: range.offset ?? 0 });
      this.#backend.watch(outside);
      // A host copy of what the step writes would be stale.
      this.#backend.tensorMap.get(outside).values = null;
      return range;
    }
    const place = this.#plan.placeOf(data);
    // An output that no dispatch made: the body hands out a parameter, or nothing at all.
    invariant(place, 'a step hands out a tensor that it never computes');
    const { kind, index, offset } = place;
    const buffer = kind === 'slot' ? slots[index] : kind === 'input' ? inputs[index] : this.#own?.constants;
    invariant(buffer, 'a tensor of the step has no buffer');
    return { buffer, offset, size: bytes };
  }

  #rangeAt(data: DataId): BufferRange {
    const range = this.#ranges.get(data);
    invariant(range, 'a tensor of the step has no place');
    return range;
  }

  #handOut({ data, shape, dtype, place }: RecordedOutput): Tensor {
    const backend = this.#backend;
    if (place && this.#plan.outputPlace(data) === place) {
      // What a reshape does, without the way through tfjs's kernels.
      backend.incRef(place.dataId);
      return tensorOf({ dataId: place.dataId, shape: [...shape], dtype }, backend);
    }
    const info = backend.makeTensorInfo([...shape], dtype);
    const { buffer, offset = 0 } = this.#rangeAt(data);
    const target = backend.rangeOf(info.dataId);
    const { bytes } = this.#plan.tensor(data);
    backend.endComputePassEncoder();
    backend.commandEncoder?.copyBufferToBuffer(buffer, offset, target.buffer, 0, bytes);
    backend.commandQueueOwnedIds.add(info.dataId);
    return tensorOf(info, backend);
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
