// This machine's adapter as a poorer one.
import { disposeEngine, initEngine } from '../engine.ts';
import type { AdapterInfo } from '../device/handle.ts';
import { installNodeGpu } from '../device/nodeGpu.ts';

/**
 * Start the engine afresh on the best adapter, with lower limits or fewer features than it has.
 *
 * @param limits by their names in WebGPU, such as maxStorageBuffersPerShaderStage
 * @param without features that it shall not offer
 */
export async function limitedAdapter(
  limits: Readonly<Record<string, number>>,
  without: readonly string[] = [],
): Promise<AdapterInfo> {
  await installNodeGpu();
  disposeEngine();
  const { gpu } = navigator;
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu.requestAdapter(options);
    if (!adapter) return null;
    const own: Record<string, unknown> = {};
    // Limits are getters of the prototype.
    for (const name in adapter.limits) own[name] = adapter.limits[name as keyof GPUSupportedLimits];
    const poorer: Partial<GPUAdapter> = {
      features: new Set([...adapter.features].filter((name) => !without.includes(name))),
      limits: { ...own, ...limits } as unknown as GPUSupportedLimits,
      info: adapter.info,
      requestDevice: (descriptor) => adapter.requestDevice(descriptor),
    };
    return poorer as GPUAdapter;
  };
  return await initEngine({ gpu: { requestAdapter } as GPU });
}
