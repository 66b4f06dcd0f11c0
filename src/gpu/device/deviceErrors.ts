// What can go wrong with the GPU, told so that a person knows what to do about it.
import { DeviceError } from '../../errors/index.ts';
import { formatBytes } from '../../util/formatBytes.ts';

/** `navigator.gpu` is not there. */
export function webgpuMissing(): DeviceError {
  return new DeviceError('training needs WebGPU, which this browser does not offer', {
    code: 'webgpu-missing',
    hint: 'use a recent Chrome, Edge, Firefox or Safari over https or localhost, and check that hardware acceleration is switched on',
  });
}

/** WebGPU is there but offers no adapter. */
export function noAdapter(cause?: unknown): DeviceError {
  return new DeviceError('WebGPU is there, but it found no graphics adapter that it may use', {
    code: 'no-adapter',
    hint: 'update the graphics driver; in Chrome, chrome://gpu tells why the adapter is blocked',
    cause,
  });
}

/** The driver took the device away (crash, sleep, update, watchdog). */
export function deviceLost(reason: string, detail: string): DeviceError {
  const told = detail.trim();
  return new DeviceError(`the GPU device was lost (${reason}${told === '' ? '' : `: ${told}`})`, {
    code: 'device-lost',
    hint: 'the last checkpoint is safe: resume from it; if it happens again, use a smaller batch or picture size',
  });
}

/** An allocation failed. */
export function outOfMemory(detail: string): DeviceError {
  const told = detail.trim().split('\n')[0];
  return new DeviceError(`the GPU has too little memory for this run${told === '' ? '' : ` (${told})`}`, {
    code: 'out-of-memory',
    hint: 'lower data.samples_per_gpu or the img_scale of the pipeline, or close other tabs that use the GPU',
  });
}

/** One tensor is more than a buffer of the device can hold. */
export function tensorTooLarge(shape: readonly number[], bytes: number, limit: number): DeviceError {
  return new DeviceError(
    `a tensor [${shape.join(', ')}] takes ${formatBytes(bytes)}, but one buffer of this GPU holds at most ${formatBytes(limit)}`,
    { code: 'out-of-memory', hint: 'lower data.samples_per_gpu or the img_scale of the pipeline' },
  );
}

/** Something that takes GPU memory for as long as the run lasts. */
export interface MemoryNeed {
  /** In the plural, such as `the averages of the weights`. */
  readonly what: string;
  /** Of the config, such as `optimizer`. */
  readonly path: string;
  readonly hint: string;
}

/** There is no room for what a run needs from its beginning to its end. @param cause says more than how many bytes that is */
export function lacksMemory(
  { what, path, hint }: MemoryNeed,
  bytes: number,
  cause?: DeviceError,
): DeviceError {
  const told = cause
    ? `${what} don't fit: ${cause.message}`
    : `${what} need ${formatBytes(bytes)} of the GPU, which it doesn't have`;
  return new DeviceError(told, { code: 'out-of-memory', path, hint, cause });
}
