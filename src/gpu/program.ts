// Runs our own WGSL programs on tfjs's device, inside tfjs's own command encoder, so that they are ordered with its ops.
// Every dispatch of ours goes through `runProgram`: the one place where a step can be recorded or timed.
import { invariant } from '../errors/index.ts';
import { outOfMemory } from './deviceErrors.ts';
import { handleOrThrow } from './engine.ts';
import { beginTimedPass, isProfiling } from './profiler.ts';
import { tf, type DType, type Tensor, type TensorInfo, type WebGPUBackend } from './tfjs.ts';

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
  /** Workgroups. */
  readonly grid: Grid;
}

// What we use of the backend beyond its public type: the open command encoder and its bookkeeping (tfjs 4.22).
interface BackendInternals {
  commandEncoder: GPUCommandEncoder;
  computePassEncoder: GPUComputePassEncoder | null;
  commandQueueOwnedIds: WeakSet<object>;
  dispatchCountInPass: number;
  uniformPendingDisposal: GPUBuffer[];
  refCount(dataId: object): number;
}

interface Compiled {
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

/** Queue one dispatch of `program`. */
export function runProgram(program: Program, run: Run): void {
  const { device, backend } = handleOrThrow();
  const state = backend as unknown as BackendInternals;
  const compiled = compile(device, program, run);
  const entries: GPUBindGroupEntry[] = [];
  for (const info of run.reads)
    entries.push({ binding: entries.length, resource: { buffer: bufferOf(device, backend, info) } });
  for (const info of run.writes) {
    entries.push({ binding: entries.length, resource: { buffer: bufferOf(device, backend, info) } });
    // A copy of the old values on the CPU would be stale from now on.
    backend.tensorMap.get(info.dataId).values = null as never;
  }
  if (run.uniforms) {
    const buffer = uniformBuffer(
      device,
      backend,
      state,
      program,
      run.uniforms,
      run.areUniformsStatic === true,
    );
    entries.push({ binding: entries.length, resource: { buffer } });
  }
  for (const info of run.reads) state.commandQueueOwnedIds.add(info.dataId);
  for (const info of run.writes) state.commandQueueOwnedIds.add(info.dataId);
  const group = device.createBindGroup({ layout: compiled.layout, entries });
  backend.ensureCommandEncoderReady();
  if (isProfiling()) {
    backend.endComputePassEncoder();
    state.computePassEncoder = beginTimedPass(device, state.commandEncoder, program.key);
  } else state.computePassEncoder ??= state.commandEncoder.beginComputePass();
  const pass = state.computePassEncoder;
  pass.setPipeline(compiled.pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...run.grid);
  state.dispatchCountInPass += 1;
  if (isProfiling()) backend.endComputePassEncoder();
  if (state.dispatchCountInPass >= DISPATCHES_PER_SUBMIT) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
}

/** Make an output tensor (its content is undefined until a program writes it), tracked by the enclosing tidy. */
export function emptyTensor(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const { backend } = handleOrThrow();
  const info = backend.makeTensorInfo([...shape], dtype);
  return tf.engine().makeTensorFromTensorInfo(info, backend);
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

function bufferOf(device: GPUDevice, backend: WebGPUBackend, info: TensorInfo): GPUBuffer {
  const data = backend.tensorMap.get(info.dataId);
  if (!data.resource) {
    const bytes = 4 * info.shape.reduce((a, b) => a * b, 1);
    const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    // Told here by name: WebGPU would only report a validation error, later.
    if (bytes > limit)
      throw outOfMemory(
        `a tensor [${info.shape.join(', ')}] takes ${bytes} bytes, one buffer holds at most ${limit}`,
      );
    backend.uploadToGPU(info.dataId);
  }
  return data.resource as GPUBuffer;
}

function compile(device: GPUDevice, program: Program, run: Run): Compiled {
  const cache = cachesOf(device);
  const known = cache.programs.get(program.key);
  if (known) return known;
  const { group, pipeline: layout } = layoutOf(device, cache, run);
  const module = device.createShaderModule({ code: program.source(), label: program.key });
  const pipeline = device.createComputePipeline({
    label: program.key,
    layout,
    compute: { module, entryPoint: 'main' },
  });
  const compiled = { pipeline, layout: group };
  cache.programs.set(program.key, compiled);
  return compiled;
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
  run: Run,
): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
  const key = `${run.reads.length}/${run.writes.length}/${run.uniforms ? 1 : 0}`;
  let layouts = cache.layouts.get(key);
  if (!layouts) {
    const types: GPUBufferBindingType[] = [
      ...run.reads.map(() => 'read-only-storage' as const),
      ...run.writes.map(() => 'storage' as const),
      ...(run.uniforms ? (['uniform'] as const) : []),
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
  backend: WebGPUBackend,
  state: BackendInternals,
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
  state.uniformPendingDisposal.push(buffer);
  return buffer;
}
