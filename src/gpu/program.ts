// Runs our own WGSL programs on tfjs's device, inside tfjs's own command encoder, so that they are ordered with its ops.
// Every dispatch of ours goes through `runProgram`: the one place where a step can be recorded or timed.
import { invariant } from '../errors/index.ts';
import { tensorOf, type BufferRange, type EngineBackend } from './backend.ts';
import { tensorTooLarge } from './deviceErrors.ts';
import { handleOrThrow } from './engine.ts';
import { beginTimedPass, isProfiling, type DispatchWork } from './profiler.ts';
import { activeRecorder } from './recorder.ts';
import type { DType, Tensor, TensorInfo } from './tfjs.ts';

/** A WGSL compute program. Bindings of group 0: `reads` storage (read), `writes` storage (read_write), then the uniform. */
export interface Program {
  /** Names the source: every value that changes the source is part of it. Begins with the op's name. */
  readonly key: string;
  /** Made once per key. Its entry point is `main`. */
  readonly source: () => string;
}

export type Grid = readonly [number, number, number];

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
        const before = this.#ranges[i];
        return buffer === before.buffer && offset === before.offset && size === before.size;
      });
    if (isSame && this.#group) return this.#group;
    this.#program = program;
    this.#ranges = ranges;
    return (this.#group = make());
  }
}

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface DeviceCaches {
  readonly layouts: Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>;
  readonly programs: Map<string, Compiled>;
  readonly uniforms: Map<string, GPUBuffer>;
}

// Freed buffers come back to the pool only at a submit: a longer batch costs memory, a shorter one CPU time.
const DISPATCHES_PER_SUBMIT = 24;
const MAX_STATIC_UNIFORMS = 8192;

const caches = new WeakMap<GPUDevice, DeviceCaches>();

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

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The uniforms' bits. */
export function wordsOf(uniforms: Uint32Array | Float32Array): Uint32Array {
  return new Uint32Array(uniforms.buffer, uniforms.byteOffset, uniforms.length);
}

/** Make an output tensor (its content is undefined until a program writes it), tracked by the enclosing tidy. */
export function emptyTensor(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const { backend } = handleOrThrow();
  const info = backend.makeTensorInfo([...shape], dtype);
  return tensorOf(info, backend);
}

/** Spread `count` workgroups over a grid that respects the 65,535 limit per axis; the program skips the surplus. */
export function spread(count: number, maxPerAxis = 65_535): Grid {
  const groups = Math.max(1, Math.ceil(count));
  if (groups <= maxPerAxis) return [groups, 1, 1];
  const y = Math.ceil(groups / maxPerAxis);
  invariant(y <= maxPerAxis, `a dispatch of ${groups} workgroups`);
  return [Math.ceil(groups / y), y, 1];
}

/** WGSL: bind the program's buffers. `reads` and `writes` are `name: element type`. */
export function bindings(
  reads: Readonly<Record<string, string>>,
  writes: Readonly<Record<string, string>>,
  uniformFields = '',
): string {
  const lines: string[] = [];
  for (const [name, type] of Object.entries(reads))
    lines.push(`@group(0) @binding(${lines.length}) var<storage, read> ${name}: array<${type}>;`);
  for (const [name, type] of Object.entries(writes))
    lines.push(`@group(0) @binding(${lines.length}) var<storage, read_write> ${name}: array<${type}>;`);
  if (uniformFields === '') return lines.join('\n');
  const bind = `@group(0) @binding(${lines.length}) var<uniform> u: Uniforms;`;
  return `struct Uniforms { ${uniformFields} }\n${lines.join('\n')}\n${bind}`;
}

/** WGSL: the entry point of a program over a flat index `i`, which runs past the end of the data. */
export function flatMain(body: string, workgroupSize = 64): string {
  return `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) local: u32) {
  let i = (wg.x + wg.y * groups.x) * ${workgroupSize}u + local;
${body}
}`;
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

/** How a program is bound: its buffers by kind. */
export interface ProgramUse {
  readonly program: Program;
  readonly readCount: number;
  readonly writeCount: number;
  readonly hasUniforms: boolean;
}

/** A program's pipeline and the layout of its bind group, made once per key. */
export function compile(device: GPUDevice, use: ProgramUse): Compiled {
  const cache = cachesOf(device);
  const known = cache.programs.get(use.program.key);
  if (known) return known;
  const { group, descriptor } = pipelineOf(device, cache, use);
  const compiled = { pipeline: device.createComputePipeline(descriptor), layout: group };
  cache.programs.set(use.program.key, compiled);
  return compiled;
}

/** Compile programs side by side, which takes a fraction of the time where pipelines are dear. */
export async function compileAll(device: GPUDevice, uses: readonly ProgramUse[]): Promise<void> {
  const cache = cachesOf(device);
  const missing = new Map(uses.map((use) => [use.program.key, use]));
  await Promise.all(
    [...missing].map(async ([key, use]) => {
      if (cache.programs.has(key)) return;
      const { group, descriptor } = pipelineOf(device, cache, use);
      const pipeline = await device.createComputePipelineAsync(descriptor);
      if (!cache.programs.has(key)) cache.programs.set(key, { pipeline, layout: group });
    }),
  );
}

function pipelineOf(
  device: GPUDevice,
  cache: DeviceCaches,
  use: ProgramUse,
): { group: GPUBindGroupLayout; descriptor: GPUComputePipelineDescriptor } {
  const { program } = use;
  const { group, pipeline: layout } = layoutOf(device, cache, use);
  const module = device.createShaderModule({ code: program.source(), label: program.key });
  return { group, descriptor: { label: program.key, layout, compute: { module, entryPoint: 'main' } } };
}

function cachesOf(device: GPUDevice): DeviceCaches {
  let cache = caches.get(device);
  if (!cache) {
    cache = { layouts: new Map(), programs: new Map(), uniforms: new Map() };
    caches.set(device, cache);
  }
  return cache;
}

function layoutOf(
  device: GPUDevice,
  cache: DeviceCaches,
  { readCount, writeCount, hasUniforms }: ProgramUse,
): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
  const key = `${readCount}/${writeCount}/${hasUniforms ? 1 : 0}`;
  let layouts = cache.layouts.get(key);
  if (!layouts) {
    const types: GPUBufferBindingType[] = [
      ...Array.from({ length: readCount }, () => 'read-only-storage' as const),
      ...Array.from({ length: writeCount }, () => 'storage' as const),
      ...(hasUniforms ? (['uniform'] as const) : []),
    ];
    const entries = types.map((type, binding) => ({
      binding,
      // The value of GPUShaderStage.COMPUTE: Node has no such global before Dawn is installed.
      visibility: 4,
      buffer: { type },
    }));
    const group = device.createBindGroupLayout({ entries });
    layouts = { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) };
    cache.layouts.set(key, layouts);
  }
  return layouts;
}

function uniformBuffer(
  device: GPUDevice,
  backend: EngineBackend,
  program: Program,
  words: Uint32Array | Float32Array,
  isStatic: boolean,
): GPUBuffer {
  const bytes = Math.ceil(words.byteLength / 16) * 16;
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM;
  const { uniforms } = cachesOf(device);
  const key = isStatic ? `${program.key}|${words.join()}` : '';
  const known = isStatic ? uniforms.get(key) : undefined;
  if (known) return known;
  if (isStatic && uniforms.size < MAX_STATIC_UNIFORMS) {
    const buffer = device.createBuffer({ size: bytes, usage, label: program.key });
    device.queue.writeBuffer(buffer, 0, words);
    uniforms.set(key, buffer);
    return buffer;
  }
  // Not used again before the commands that read it are submitted: tfjs's pool takes it back only then.
  const buffer = backend.bufferManager.acquireBuffer(bytes, usage);
  device.queue.writeBuffer(buffer, 0, words);
  backend.uniformPendingDisposal.push(buffer);
  return buffer;
}
