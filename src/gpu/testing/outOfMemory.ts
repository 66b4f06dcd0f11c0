// A GPU that runs out of memory when a test wants it to.
import { handleOrThrow } from '../device/handle.ts';

/**
 * Have the device fail buffers by asking it for its largest one instead, which the software adapters don't give: the error
 * is the driver's own.
 *
 * @param minBytes smaller ones are made @param times how many fail, then all are made again
 * @returns what ends it
 */
export function failBuffers(minBytes: number, times = Infinity): () => void {
  const { device } = handleOrThrow();
  const make = device.createBuffer.bind(device);
  let left = times;
  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    if (descriptor.size < minBytes || left <= 0) return make(descriptor);
    left -= 1;
    // Where WebGPU can't map a new buffer it throws; Dawn in Node would end the process.
    if (descriptor.mappedAtCreation) throw new RangeError('createBuffer failed');
    const buffer = make({ ...descriptor, size: device.limits.maxBufferSize });
    // The engine's books are about the size that was asked for.
    return Object.defineProperty(buffer, 'size', { value: descriptor.size });
  };
  Object.defineProperty(device, 'createBuffer', { value: createBuffer, configurable: true });
  return () => {
    Reflect.deleteProperty(device, 'createBuffer');
  };
}
