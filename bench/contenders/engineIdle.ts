import { handleOrThrow } from '../../src/gpu/index.ts';
import { paced } from './device.ts';

/** Wait for the device as every contender does, not as the engine would. */
export async function idle(): Promise<void> {
  await paced(handleOrThrow().device.queue.onSubmittedWorkDone());
}
