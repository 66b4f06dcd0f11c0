// What the contenders of this thread share: WebGPU on the globals, counted buffers and dispatches, waiting.
import { availableParallelism } from 'node:os';
import { adapterName, isSoftwareAdapter, type AdapterFacts } from '../../src/util/adapterName.ts';
import type { Report } from './contender.ts';

let facts: AdapterFacts | null = null;

// Dawn's GPU object must stay referenced for as long as anything made from it is used.
let gpu: GPU | null = null;

/**
 * Put WebGPU on the globals and begin to count. The main thread has chosen the driver. Nothing of our engine is imported here:
 * it replaces kernels of tfjs, which has to stay as it comes for its own sake.
 *
 * @returns the adapter's name
 */
export async function startDevice(): Promise<string> {
  const { create, globals } = await import('webgpu');
  gpu = create([]);
  Object.assign(globalThis, globals);
  // jax-js looks at the other two, which Node 20 lacks.
  const navigator = { gpu, userAgent: 'Node.js', hardwareConcurrency: availableParallelism() };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  countBuffers();
  countDispatches();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no adapter');
  facts = adapter.info;
  return adapterName(facts);
}

/** True when the adapter is a program on the CPU. */
export function isSoftware(): boolean {
  return facts !== null && isSoftwareAdapter(facts);
}

let live = 0;
let peak = 0;
let dispatches = 0;

/** Buffers so far, and the dispatches since {@link resetDispatches}. */
export function deviceReport(): Omit<Report, 'tensors'> {
  return { peakBytes: peak, liveBytes: live, dispatches };
}

export function resetDispatches(): void {
  dispatches = 0;
}

/** Every buffer counts from its creation until it is destroyed or collected, whichever library made it. */
function countBuffers(): void {
  const collected = new FinalizationRegistry<{ bytes: number }>((entry) => {
    release(entry);
  });
  const entries = new WeakMap<GPUBuffer, { bytes: number }>();
  const release = (entry: { bytes: number }): void => {
    live -= entry.bytes;
    entry.bytes = 0;
  };
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor): GPUBuffer {
    const buffer = createBuffer.call(this, descriptor);
    const entry = { bytes: buffer.size };
    live += entry.bytes;
    peak = Math.max(peak, live);
    entries.set(buffer, entry);
    collected.register(buffer, entry);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function (): undefined {
    const entry = entries.get(this);
    if (entry) release(entry);
    destroy.call(this);
    return undefined;
  };
}

function countDispatches(): void {
  const { dispatchWorkgroups, dispatchWorkgroupsIndirect } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z): undefined {
    dispatches += 1;
    dispatchWorkgroups.call(this, x, y, z);
    return undefined;
  };
  GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = function (buffer, offset): undefined {
    dispatches += 1;
    dispatchWorkgroupsIndirect.call(this, buffer, offset);
    return undefined;
  };
}

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Await GPU work. Dawn's Node binding polls without pause while it waits, which takes a core from a software adapter:
 * there, but not on a GPU, each turn of the event loop sleeps a little. The same for every contender.
 */
export async function paced<T>(work: Promise<T>): Promise<T> {
  if (!isSoftware()) return work;
  let isOpen = true;
  const turn = (): void => {
    if (!isOpen) return;
    Atomics.wait(never, 0, 0, 0.2);
    setImmediate(turn);
  };
  setImmediate(turn);
  try {
    return await work;
  } finally {
    isOpen = false;
  }
}
