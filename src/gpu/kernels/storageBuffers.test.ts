// A device that binds no more storage buffers than WebGPU guarantees: everything that trains runs on it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { handleOrThrow } from '../device/handle.ts';
import { limitedAdapter } from '../testing/limitedAdapter.ts';
import { values } from '../testing/numbers.ts';
import { take } from '../../util/at.ts';

beforeAll(async () => {
  await limitedAdapter({ maxStorageBuffersPerShaderStage: 8 });
  expect(handleOrThrow().device.limits.maxStorageBuffersPerShaderStage).toBe(8);
});
afterAll(() => {
  gpu.disposeEngine();
});

function variables(channels: number): gpu.Variable[] {
  return [
    gpu.variable(gpu.tensor(values(2 * 3 * 3 * channels, 1), [2, 3, 3, channels])),
    gpu.variable(gpu.tensor(values(channels, 2), [channels])),
    gpu.variable(gpu.tensor(values(channels, 3), [channels])),
  ];
}

test.each([4, 6])('norms of %i channels, with all that can be folded in', async (channels) => {
  const [x, gamma, beta] = take(variables(channels), 3);
  const { grads } = gpu.valueAndGrads(() => {
    const mean = gpu.zeros([channels]);
    const variance = gpu.ones([channels]);
    const running = { mean, variance, momentum: 0.1 };
    const a = gpu.batchNormTrain(x, gamma, beta, 1e-5, 'relu', running, x).y;
    const b = gpu.groupNorm(a, 2, gamma, beta, 1e-5, 'silu');
    const c = gpu.batchNormEval(b, mean, variance, gamma, beta, 1e-5, { activation: 'silu' });
    return { loss: gpu.mean(gpu.square(c)) };
  }, [x, gamma, beta]);
  for (const grad of grads) {
    if (!grad) throw new Error('no gradient');
    const sums = await gpu.read(grad);
    expect(sums.some((v) => v !== 0)).toBe(true);
    expect(sums.every(Number.isFinite)).toBe(true);
  }
});
