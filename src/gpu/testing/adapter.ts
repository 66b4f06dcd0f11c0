// The one way a test gets the GPU: it fails, never skips, where there is none.
import { initEngine } from '../engine.ts';
import type { AdapterInfo } from '../device/handle.ts';
import { installNodeGpu } from '../device/nodeGpu.ts';

/**
 * Start the engine on this machine's best adapter (Node).
 *
 * @throws DeviceError `no-adapter` when the machine has neither a GPU nor a software Vulkan driver.
 */
export async function testAdapter(): Promise<AdapterInfo> {
  await installNodeGpu();
  return await initEngine();
}
