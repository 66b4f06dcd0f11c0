// The live engine: every tensor and dispatch reaches the device by it, every wait for the GPU ends with it.
import { DeviceError } from '../../errors/index.ts';
import type { EngineBackend } from './backend.ts';

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

let current: EngineHandle | null = null;

/** The engine in use, dead or alive; null before the first and after the last. */
export function currentHandle(): EngineHandle | null {
  return current;
}

/** Make an engine the one in use. */
export function setHandle(handle: EngineHandle | null): void {
  current = handle;
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
