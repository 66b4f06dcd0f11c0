// Runs our own WGSL programs on tfjs's device, inside tfjs's own command encoder, so that they are ordered with its ops.
// Every dispatch of ours goes through `runProgram`: the one place where a step can be recorded or timed.
import { invariant } from '../../errors/index.ts';
import type { BufferRange, EngineBackend } from '../device/backend.ts';
import { tensorTooLarge } from '../device/deviceErrors.ts';
import { handleOrThrow } from '../device/handle.ts';
import type { TensorInfo } from '../device/tfjs.ts';
import { compile, uniformBuffer } from './pipelines.ts';
import { beginTimedPass, isProfiling } from './profiler.ts';
import type { DispatchWork, Grid, Program } from './program.ts';
import { activeRecorder } from './recorder.ts';
import { sizeOf } from './strides.ts';
import { at } from '../../util/at.ts';

export interface Run {
  readonly reads: readonly TensorInfo[];
  /** Written by the program; may be tensors that already hold data (in-place update). */
  readonly writes: readonly TensorInfo[];
  /** One uniform buffer of 32-bit words, or none. */
  readonly uniforms?: Uint32Array | Float32Array;
  /** True when the uniforms only tell sizes: the buffer is made once and kept. */
  readonly areUniformsStatic?: boolean;
  /** Gives the uniforms anew each time a recorded step is replayed: for values that change from step to step. */
  readonly liveUniforms?: () => Uint32Array;
  /** Workgroups. */
  readonly grid: Grid;
  /** Floating point operations that the result needs (a multiply-add is two), for profiles; left out where nobody asks. */
  readonly flops?: number;
  /** Keeps the bind group for the next run of the same program on the same buffers. Not with uniforms. */
  readonly bound?: Bound;
}

/** What one dispatch bound last, kept by whoever runs it again and again. */
export class Bound {
  #program: Program | null = null;
  #ranges: readonly BufferRange[] = [];
  #group: GPUBindGroup | null = null;

  /** The group of the same program and buffers, or a new one of `make`. */
  groupFor(program: Program, ranges: readonly BufferRange[], make: () => GPUBindGroup): GPUBindGroup {
    const isSame =
      this.#program?.key === program.key &&
      ranges.length === this.#ranges.length &&
      ranges.every(({ buffer, offset, size }, i) => {
        const before = at(this.#ranges, i);
        return buffer === before.buffer && offset === before.offset && size === before.size;
      });
    if (isSame && this.#group) return this.#group;
    this.#program = program;
    this.#ranges = ranges;
    return (this.#group = make());
  }
}

// Freed buffers come back to the pool only at a submit: a longer batch costs memory, a shorter one CPU time.
const DISPATCHES_PER_SUBMIT = 24;

/** Queue one dispatch of `program`, or hand it to the recorder. */
export function runProgram(program: Program, run: Run): void {
  const { device, backend } = handleOrThrow();
  const recorder = activeRecorder();
  if (recorder) {
    recorder.record({
      program,
      bindings: [
        ...run.reads.map(({ dataId }) => ({ data: dataId, isWritten: false })),
        ...run.writes.map(({ dataId }) => ({ data: dataId, isWritten: true })),
      ],
      readCount: run.reads.length,
      uniforms: run.uniforms ? wordsOf(run.uniforms) : null,
      liveUniforms: run.liveUniforms ?? null,
      grid: run.grid,
      work: { bytes: bytesOf(run), flops: run.flops ?? 0 },
    });
    return;
  }
  const compiled = compile(device, {
    program,
    readCount: run.reads.length,
    writeCount: run.writes.length,
    hasUniforms: run.uniforms !== undefined,
  });
  const ranges = run.reads.map((info) => rangeOf(device, backend, info));
  for (const info of run.writes) {
    ranges.push(rangeOf(device, backend, info));
    // A copy of the old values on the CPU would be stale from now on.
    backend.tensorMap.get(info.dataId).values = null;
  }
  if (run.uniforms) {
    invariant(!run.bound, 'a kept bind group with uniforms');
    const isStatic = run.areUniformsStatic === true;
    ranges.push({ buffer: uniformBuffer(device, backend, program, run.uniforms, isStatic) });
  }
  for (const info of run.reads) backend.commandQueueOwnedIds.add(info.dataId);
  for (const info of run.writes) backend.commandQueueOwnedIds.add(info.dataId);
  const makeGroup = (): GPUBindGroup =>
    device.createBindGroup({
      layout: compiled.layout,
      entries: ranges.map((resource, binding) => ({ binding, resource })),
    });
  const group = run.bound ? run.bound.groupFor(program, ranges, makeGroup) : makeGroup();
  const { pipeline } = compiled;
  const work = { bytes: bytesOf(run), flops: run.flops ?? 0 };
  encodeDispatch(backend, { key: program.key, pipeline, group, grid: run.grid, work });
  if (backend.dispatchCountInPass >= DISPATCHES_PER_SUBMIT) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
}

/** A dispatch that is ready to be encoded. */
export interface ReadyDispatch {
  readonly key: string;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: Grid;
  readonly work: DispatchWork;
}

/** Put one dispatch into the open compute pass; while profiling it gets a pass of its own. */
export function encodeDispatch(backend: EngineBackend, dispatch: ReadyDispatch): void {
  backend.ensureCommandEncoderReady();
  const encoder = backend.commandEncoder;
  invariant(encoder, 'no command encoder');
  // Asked once: the last dispatch that a profile has room for ends its pass too.
  const isTimed = isProfiling();
  if (isTimed) {
    backend.endComputePassEncoder();
    backend.computePassEncoder = beginTimedPass(encoder, dispatch.key, dispatch.work);
  } else backend.computePassEncoder ??= encoder.beginComputePass();
  const pass = backend.computePassEncoder;
  pass.setPipeline(dispatch.pipeline);
  pass.setBindGroup(0, dispatch.group);
  pass.dispatchWorkgroups(...dispatch.grid);
  backend.dispatchCountInPass += 1;
  if (isTimed) backend.endComputePassEncoder();
}

function bytesOf({ reads, writes }: Run): number {
  let elements = 0;
  for (const { shape } of reads) elements += sizeOf(shape);
  for (const { shape } of writes) elements += sizeOf(shape);
  return 4 * elements;
}

/** The uniforms' bits. */
export function wordsOf(uniforms: Uint32Array | Float32Array): Uint32Array {
  return new Uint32Array(uniforms.buffer, uniforms.byteOffset, uniforms.length);
}

function rangeOf(device: GPUDevice, backend: EngineBackend, info: TensorInfo): BufferRange {
  if (!backend.tensorMap.get(info.dataId).resource) checkSize(device, info.shape);
  return backend.rangeOf(info.dataId);
}

// Told here by name: WebGPU would only report a validation error, later.
function checkSize(device: GPUDevice, shape: readonly number[]): void {
  const bytes = 4 * sizeOf(shape);
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  if (bytes > limit) throw tensorTooLarge(shape, bytes, limit);
}
