// The GPU engine's life: a device, tfjs's 'webgpu' backend on it, and our kernels in the tape.
import type { DeviceError } from '../errors/index.ts';
import { EngineBackend } from './device/backend.ts';
import { describe, handleOf, openDevice, watch } from './device/device.ts';
import { noAdapter } from './device/deviceErrors.ts';
import { currentHandle, setHandle, type AdapterInfo, type EngineHandle } from './device/handle.ts';
import { tf } from './device/tfjs.ts';
import { activeRecorder } from './dispatch/recorder.ts';
import { registerTapeKernels } from './ops/tapeKernels.ts';

export interface EngineOptions {
  /** Called once when the device dies; the next {@link checkDevice} throws the same error. */
  onLost?(error: DeviceError): void;
  /** Use this instead of `navigator.gpu`. */
  gpu?: GPU;
}

let starting: Promise<EngineHandle> | null = null;

/**
 * Acquire the GPU and make it tfjs's backend. Calling again returns the same adapter; after a loss it starts a new device
 * (tensors of the old one are gone).
 *
 * @throws DeviceError `webgpu-missing` or `no-adapter`.
 */
export async function initEngine(options: EngineOptions = {}): Promise<AdapterInfo> {
  const current = currentHandle();
  if (current?.error === null) return current.info;
  if (current) disposeEngine();
  starting ??= start(options);
  try {
    const handle = await starting;
    setHandle(handle);
    return handle.info;
  } finally {
    starting = null;
  }
}

/** Give the device back. Every tensor is gone; {@link initEngine} starts afresh. */
export function disposeEngine(): void {
  const handle = currentHandle();
  if (!handle) return;
  setHandle(null);
  dropBackend();
  handle.device.destroy();
}

async function start(options: EngineOptions): Promise<EngineHandle> {
  const opened = await openDevice(options.gpu);
  const { device, adapter } = opened;
  const backend = await registerBackend(device, adapter.info);
  const handle = handleOf({ device, backend, info: describe(opened) }, (error) => {
    if (handle === currentHandle()) options.onLost?.(error);
  });
  watch(handle);
  return handle;
}

async function registerBackend(device: GPUDevice, info: GPUAdapterInfo): Promise<EngineBackend> {
  const env = tf.env();
  // Small sums on the CPU would make results depend on where a tensor happens to live.
  env.set('WEBGPU_CPU_FORWARD', false);
  dropBackend();
  const backend = new EngineBackend(device, info, activeRecorder);
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
