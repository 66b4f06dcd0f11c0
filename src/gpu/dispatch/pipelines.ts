// What a device keeps of our programs: pipelines, layouts of bind groups, uniforms that only tell sizes.
import type { EngineBackend } from '../device/backend.ts';
import type { Program } from './program.ts';

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface DeviceCaches {
  readonly layouts: Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>;
  readonly programs: Map<string, Compiled>;
  readonly uniforms: Map<string, GPUBuffer>;
}

const MAX_STATIC_UNIFORMS = 8192;

const caches = new WeakMap<GPUDevice, DeviceCaches>();

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

/** A buffer with a program's uniforms: kept for good where they are static, else back in the pool after the submit. */
export function uniformBuffer(
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
