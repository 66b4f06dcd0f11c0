// What the device holds, counted where buffers are made and destroyed, not by the engine's own books.
import { handleOrThrow } from '../device/handle.ts';

export interface LiveBuffers {
  readonly count: number;
  readonly bytes: number;
  /** Count no longer. */
  stop(): void;
}

/** Count the buffers that the device makes from now on and that are not destroyed. */
export function liveBuffers(): LiveBuffers {
  const { device } = handleOrThrow();
  const make = device.createBuffer.bind(device);
  const live = new Map<GPUBuffer, number>();
  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    const buffer = make(descriptor);
    live.set(buffer, descriptor.size);
    const destroy = buffer.destroy.bind(buffer);
    const value = (): undefined => {
      live.delete(buffer);
      destroy();
    };
    return Object.defineProperty(buffer, 'destroy', { value });
  };
  Object.defineProperty(device, 'createBuffer', { value: createBuffer, configurable: true });
  return {
    get count() {
      return live.size;
    },
    get bytes() {
      return [...live.values()].reduce((a, b) => a + b, 0);
    },
    stop: () => {
      Reflect.deleteProperty(device, 'createBuffer');
    },
  };
}
