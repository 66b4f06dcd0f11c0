// Memory that a run needs from its beginning to its end: when the device has no room for it, the error says what it was
// for. WebGPU itself tells that something could not be allocated, later, and nothing else.
import { DeviceError } from '../../errors/index.ts';
import { lacksMemory, type MemoryNeed } from './deviceErrors.ts';
import { handleOrThrow } from './handle.ts';

let isInside = false;

/**
 * Run what makes buffers for a need; of nested ones the outermost counts. Where the device lacks the memory, the engine
 * dies of an error that names the need: the next wait for the GPU throws it.
 *
 * @throws DeviceError `out-of-memory` at once when a tensor is larger than any buffer
 */
export function allocating<T>(need: MemoryNeed, make: () => T): T {
  if (isInside) return make();
  const handle = handleOrThrow();
  const { device, backend, scopes } = handle;
  const before = backend.bufferManager.numBytesAllocated;
  device.pushErrorScope('out-of-memory');
  isInside = true;
  try {
    return make();
  } catch (error) {
    throw error instanceof DeviceError && error.code === 'out-of-memory'
      ? lacksMemory(need, 0, error)
      : error;
  } finally {
    isInside = false;
    const bytes = backend.bufferManager.numBytesAllocated - before;
    const scope = device
      .popErrorScope()
      // A lost device has no answer; it is told elsewhere.
      .catch(() => null)
      .then((error) => {
        scopes.delete(scope);
        if (error) handle.fail(lacksMemory(need, bytes));
      });
    scopes.add(scope);
  }
}
