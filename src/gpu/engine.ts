// The GPU device and its life: asked for with the limits training needs, handed to tfjs as its 'webgpu' backend, and
// watched for loss, out-of-memory and validation errors.
import { DeviceError } from '../errors/index.ts';
import { adapterKey, adapterName, isSoftwareAdapter } from '../util/adapterName.ts';
import { deviceLost, noAdapter, outOfMemory, webgpuMissing } from './deviceErrors.ts';
import { EngineBackend } from './backend.ts';
import { registerTapeKernels } from './ops/tapeKernels.ts';
import { tf } from './tfjs.ts';

/** What the chip in the page and the first log lines say about the GPU. */
export interface AdapterInfo {
  /** Best name that is told, such as `NVIDIA H100 80GB HBM3` or `llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)`. */
  readonly name: string;
  /** Everything that tells it from others, its driver too; for what is remembered of it. */
  readonly key: string;
  readonly vendor: string;
  readonly architecture: string;
  /** True when the "GPU" is a program on the CPU: training works, but slowly. */
  readonly isSoftware: boolean;
  /** WebGPU features switched on in our device. */
  readonly features: readonly string[];
  readonly limits: DeviceLimits;
}

export interface DeviceLimits {
  readonly maxBufferBytes: number;
  readonly maxStorageBindingBytes: number;
  readonly maxStorageBuffersPerStage: number;
  readonly maxWorkgroupsPerDimension: number;
  readonly maxInvocationsPerWorkgroup: number;
  readonly maxWorkgroupBytes: number;
}

export interface EngineOptions {
  /** Called once when the device dies; the next {@link checkDevice} throws the same error. */
  onLost?(error: DeviceError): void;
  /** Use this instead of `navigator.gpu`. */
  gpu?: GPU;
}

/** The device, tfjs's backend on it, and the first fatal error. */
export interface EngineHandle {
  readonly device: GPUDevice;
  readonly backend: EngineBackend;
  readonly info: AdapterInfo;
  /** Ends the waits that are open when the device is lost or out of memory. */
  readonly waits: Set<(error: DeviceError) => void>;
  /** Error scopes that have not answered yet: what they found is the cause of errors that come meanwhile. */
  readonly scopes: Set<Promise<unknown>>;
  error: DeviceError | null;
  /** Let the engine die of an error; only the first counts. */
  fail(error: DeviceError): void;
}

const WANTED_FEATURES = ['timestamp-query', 'subgroups'] as const;
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeInvocationsPerWorkgroup',
] as const;

let current: EngineHandle | null = null;
let starting: Promise<EngineHandle> | null = null;

/**
 * Acquire the GPU and make it tfjs's backend. Calling again returns the same adapter; after a loss it starts a new device
 * (tensors of the old one are gone).
 *
 * @throws DeviceError `webgpu-missing` or `no-adapter`.
 */
export async function initEngine(options: EngineOptions = {}): Promise<AdapterInfo> {
  if (current && current.error === null) return current.info;
  if (current) disposeEngine();
  starting ??= start(options);
  try {
    current = await starting;
    return current.info;
  } finally {
    starting = null;
  }
}

/** Give the device back. Every tensor is gone; {@link initEngine} starts afresh. */
export function disposeEngine(): void {
  const handle = current;
  if (!handle) return;
  current = null;
  dropBackend();
  handle.device.destroy();
}

/**
 * Throw the error that killed the device, if one did.
 *
 * @throws DeviceError `device-lost`, `out-of-memory`, `gpu-error`, or `engine-not-ready` before {@link initEngine}.
 */
export function checkDevice(): void {
  handleOrThrow();
}

/** The adapter in use. @throws DeviceError like {@link checkDevice}. */
export function adapterInfo(): AdapterInfo {
  return handleOrThrow().info;
}

/** The live engine. @throws DeviceError like {@link checkDevice}. */
export function handleOrThrow(): EngineHandle {
  if (!current) throw new DeviceError('the GPU engine has not been started', { code: 'engine-not-ready' });
  if (current.error) throw current.error;
  return current;
}

/** Called with the start of each wait for the GPU; told when it is over. */
export type WaitPacer = () => { end(): void };

let pacer: WaitPacer | null = null;

/** Tell the engine how to spend the time while it waits. Node's binding polls without pause otherwise. */
export function setWaitPacer(value: WaitPacer): void {
  pacer = value;
}

/** Wait for GPU work, but not past the death of the device. @throws DeviceError of the loss. */
export async function orLost<T>(work: Promise<T>): Promise<T> {
  const handle = handleOrThrow();
  const pause = pacer?.();
  try {
    const value = await orFailed(work, handle);
    if (handle.error) throw handle.error;
    return value;
  } catch (error) {
    // mapAsync rejects a moment before `device.lost` settles: give the true reason a chance to arrive.
    if (!(error instanceof DeviceError)) await new Promise((resolve) => setTimeout(resolve, 0));
    throw handle.error ?? error;
  } finally {
    pause?.end();
  }
}

// No race against one promise of the failure: that promise would keep what every race came to, all bytes ever read.
function orFailed<T>(work: Promise<T>, { waits }: EngineHandle): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    waits.add(reject);
    void work.then(resolve, reject).finally(() => waits.delete(reject));
  });
}

async function start(options: EngineOptions): Promise<EngineHandle> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu) throw webgpuMissing();
  const adapter = await requestAdapter(gpu);
  const device = await requestDevice(adapter);
  const info = describe(adapter, device);
  const backend = await registerBackend(device, adapter.info);
  return watch({ device, backend, info }, options);
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  let cause: unknown;
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter) return adapter;
  } catch (error) {
    cause = error;
  }
  throw noAdapter(cause);
}

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[];
  try {
    return await adapter.requestDevice({ requiredFeatures, requiredLimits, label: 'tabtrain' });
  } catch (error) {
    throw noAdapter(error);
  }
}

async function registerBackend(device: GPUDevice, info: GPUAdapterInfo): Promise<EngineBackend> {
  const env = tf.env();
  // Small sums on the CPU would make results depend on where a tensor happens to live.
  env.set('WEBGPU_CPU_FORWARD', false);
  dropBackend();
  const backend = new EngineBackend(device, info);
  tf.registerBackend('webgpu', () => backend, 3);
  registerTapeKernels();
  await tf.setBackend('webgpu');
  // tfjs falls back to its CPU backend silently when a backend fails to start.
  if (tf.getBackend() !== 'webgpu') throw noAdapter();
  return backend;
}

function dropBackend(): void {
  // tfjs registers a factory of its own when navigator.gpu is there at import time.
  if ('webgpu' in tf.engine().registryFactory) tf.removeBackend('webgpu');
}

function describe(adapter: GPUAdapter, device: GPUDevice): AdapterInfo {
  const { info } = adapter;
  const { limits } = device;
  return {
    name: adapterName(info),
    key: adapterKey(info),
    vendor: info.vendor,
    architecture: info.architecture,
    isSoftware: isSoftwareAdapter(info),
    features: [...device.features].sort(),
    limits: {
      maxBufferBytes: limits.maxBufferSize,
      maxStorageBindingBytes: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerStage: limits.maxStorageBuffersPerShaderStage,
      maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      maxInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
    },
  };
}

function watch(
  parts: Pick<EngineHandle, 'device' | 'backend' | 'info'>,
  options: EngineOptions,
): EngineHandle {
  const handle: EngineHandle = {
    ...parts,
    waits: new Set(),
    scopes: new Set(),
    error: null,
    fail: (error) => {
      if (handle.error) return;
      handle.error = error;
      for (const end of handle.waits) end(error);
      if (handle === current) options.onLost?.(error);
    },
  };
  // A device destroyed by disposeEngine is no failure of the run that comes after it: `handle` is no longer current then.
  void parts.device.lost.then((lost) => {
    handle.fail(deviceLost(lost.reason, lost.message));
  });
  parts.device.addEventListener('uncapturederror', (event) => {
    // An unhandled event would also be printed by Dawn.
    event.preventDefault();
    const { error } = event;
    const told = isOutOfMemory(error) ? outOfMemory(error.message) : gpuError(error.message);
    if (handle.scopes.size === 0) handle.fail(told);
    else void Promise.allSettled(handle.scopes).then(() => handle.fail(told));
  });
  return handle;
}

function isOutOfMemory(error: GPUError): boolean {
  return typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError;
}

function gpuError(detail: string): DeviceError {
  return new DeviceError(`the GPU refused a command: ${detail.trim()}`, {
    code: 'gpu-error',
    hint: 'this is likely a bug of tabtrain: please report it with the log and the config',
  });
}
