// The one way a test gets the GPU: it fails, never skips, where there is none.
import { initEngine, type AdapterInfo } from '../engine.ts';
import { installNodeGpu } from '../nodeGpu.ts';

/**
 * Start the engine on this machine's best adapter (Node).
 *
 * @throws DeviceError `no-adapter` when the machine has neither a GPU nor a software Vulkan driver.
 */
export async function testAdapter(): Promise<AdapterInfo> {
  await installNodeGpu();
  return await initEngine();
}
