// The best that this device does on a matrix product: what achieved speeds are compared with.
import { matMul } from '../kernels/matMul/op.ts';
import { dispose, onIdle } from '../tensor/memory.ts';
import { fill } from './index.ts';
import { endProfile, startProfile } from '../dispatch/profiler.ts';
import { handleOrThrow } from '../device/handle.ts';
import type { Tensor } from '../device/tfjs.ts';

const ROUNDS = 4;
// Browsers round timestamps to 100 us: products follow one another until that no longer counts.
const SPAN_MS = 4;
const MAX_PRODUCTS = 64;

const measured = new WeakMap<GPUDevice, number>();

/**
 * Multiply square matrices and take the best round; measured once per device.
 *
 * @returns GFLOP/s (10^9 floating point operations a second, a multiply-add is two)
 */
export async function measurePeak(): Promise<number> {
  const { device, info } = handleOrThrow();
  const known = measured.get(device);
  if (known !== undefined) return known;
  // Large enough to fill a GPU; a CPU takes a second for the larger one.
  const sizes = info.isSoftware ? [256, 512] : [1024, 2048];
  let best = 0;
  for (const n of sizes) best = Math.max(best, await speedOf(n));
  measured.set(device, best);
  return best;
}

async function speedOf(n: number): Promise<number> {
  const [a, b] = [fill([n, n], 0.5), fill([n, n], 0.25)];
  // Compiles the program.
  await timeProducts(a, b, 1);
  let products = 1;
  while (products < MAX_PRODUCTS && (await timeProducts(a, b, products)) < SPAN_MS) products *= 4;
  let bestMs = Infinity;
  for (let round = 1; round < ROUNDS; round++)
    bestMs = Math.min(bestMs, (await timeProducts(a, b, products)) / products);
  dispose([a, b]);
  return (2 * n ** 3) / bestMs / 1e6;
}

/** ms that the GPU needs for some products, or where it tells no times, the whole way there and back. */
async function timeProducts(a: Tensor, b: Tensor, count: number): Promise<number> {
  await onIdle();
  startProfile();
  const start = performance.now();
  for (let i = 0; i < count; i++) dispose(matMul(a, b));
  await onIdle();
  const wallMs = performance.now() - start;
  const gpuMs = (await endProfile()).reduce((sum, row) => sum + row.gpuMs, 0);
  return gpuMs > 0 ? gpuMs : wallMs;
}
