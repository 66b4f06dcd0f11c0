import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { values } from '../testing/numbers.ts';
import { take } from '../../util/at.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

async function bitsOf(tensors: readonly gpu.Tensor[]): Promise<number[][]> {
  const all = await Promise.all(tensors.map(async (t) => gpu.read(t)));
  return all.map((data) => [...new Uint32Array(data.buffer, data.byteOffset, data.length)]);
}

// 257 numbers go one by one, 260 in fours, 70,000 are too many to be kept until the last term is there.
test.each([
  [257, 1],
  [260, 1],
  [70_000, 4],
])('the gradient of a weight used five times: %i numbers, %i dispatches, same bits', async (size, sums) => {
  const start = gpu.tensor(values(size, 1), [size]);
  const weight = gpu.variable(start);
  const goals = Array.from({ length: 5 }, (_, i) => values(size, 10 + i));
  const body = (args: { readonly seed: number }): gpu.StepOutputs => {
    const { loss, grads } = gpu.valueAndGrads(() => {
      const parts = goals.map((goal, i) => {
        const input = gpu.stepInput(args, ({ seed }) => goal.map((v) => v * seed), [size]);
        return gpu.sum(gpu.mul(gpu.mul(weight, input), i + 0.3));
      });
      return { loss: parts.reduce((a, b) => gpu.add(a, b)) };
    }, [weight]);
    return { outputs: [loss, ...grads.filter((grad) => grad !== null)] };
  };
  const make = (eager: boolean): gpu.CompiledStep<{ readonly seed: number }> =>
    gpu.compileStep({ name: 'shared', signature: () => '', body }, { eager });
  const [compiled, eager] = [make(false), make(true)];
  for (const seed of [1, 0.37]) {
    const [a, b] = take(
      [compiled, eager].map((step) => step.run({ seed }).outputs),
      2,
    );
    expect(await bitsOf(a)).toEqual(await bitsOf(b));
    gpu.dispose([a, b]);
  }
  expect(compiled.fallbackReason).toBeNull();
  gpu.startProfile();
  gpu.dispose(compiled.run({ seed: 1 }).outputs);
  await gpu.onIdle();
  const rows = await gpu.endProfile();
  const additions = rows.filter(({ program }) => /^(sum of|map add)/.test(program));
  // The losses' sum is one dispatch besides.
  expect(additions.reduce((n, { dispatches }) => n + dispatches, 0)).toBe(sums + 1);
  compiled.dispose();
  gpu.dispose([start, weight]);
});
