// A device of the adapter, asked for with the limits training needs, and watched for loss, out-of-memory and validation
// errors.
import { DeviceError } from '../../errors/index.ts';
import { adapterKey, adapterName, isSoftwareAdapter } from '../../util/adapterName.ts';
import { deviceLost, noAdapter, outOfMemory, webgpuMissing } from './deviceErrors.ts';
import type { AdapterInfo, EngineHandle } from './handle.ts';

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

/** A device, and the adapter it is of. */
export interface OpenDevice {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
}

/** @param gpu default `navigator.gpu` @throws DeviceError `webgpu-missing` or `no-adapter` */
export async function openDevice(
  gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu,
): Promise<OpenDevice> {
  if (!gpu) throw webgpuMissing();
  const adapter = await requestAdapter(gpu);
  return { adapter, device: await requestDevice(adapter) };
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

/** What is told of a device. */
export function describe({ adapter, device }: OpenDevice): AdapterInfo {
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

/** @param onFailure told of the first error that the engine dies of */
export function handleOf(
  parts: Pick<EngineHandle, 'device' | 'backend' | 'info'>,
  onFailure: (error: DeviceError) => void,
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
      onFailure(error);
    },
  };
  return handle;
}

/** Let the engine die with its device, and of errors that nobody expects. */
export function watch(handle: EngineHandle): void {
  const { device } = handle;
  // A device destroyed on purpose is no failure of the run that comes after it: that has another handle.
  void device.lost.then((lost) => {
    handle.fail(deviceLost(lost.reason, lost.message));
  });
  device.addEventListener('uncapturederror', (event) => {
    // An unhandled event would also be printed by Dawn.
    event.preventDefault();
    const { error } = event;
    const told = isOutOfMemory(error) ? outOfMemory(error.message) : gpuError(error.message);
    if (handle.scopes.size === 0) handle.fail(told);
    else void Promise.allSettled(handle.scopes).then(() => handle.fail(told));
  });
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
