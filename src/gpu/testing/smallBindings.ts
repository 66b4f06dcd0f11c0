// A GPU that can bind little at once: what is cut into several buffers can be tested with few numbers.
import { handleOrThrow } from '../device/handle.ts';

/** Have the engine take the device for one that binds no more than so many bytes. @returns what ends it */
export function smallBindings(maxBytes: number): () => void {
  const { device } = handleOrThrow();
  const limits: Record<string, unknown> = {};
  // Getters of the prototype.
  for (const name in device.limits) limits[name] = device.limits[name as keyof GPUSupportedLimits];
  const value = { ...limits, maxStorageBufferBindingSize: maxBytes };
  // Dawn's binding keeps them on the device itself.
  const before = Object.getOwnPropertyDescriptor(device, 'limits');
  Object.defineProperty(device, 'limits', { value, configurable: true });
  return () => {
    if (before) Object.defineProperty(device, 'limits', before);
    else Reflect.deleteProperty(device, 'limits');
  };
}
