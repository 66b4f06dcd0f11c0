// What happens around a compiled step: buffers that go while commands wait, tensors that a body keeps, rare shapes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { at, take } from '../../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => {
  gpu.disposeEngine();
});

const input = (size: number, first = 0): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => first + i);

/** `factor * x + 1` of vectors; one more addition keeps a tensor inside the step. */
function makeStep(
  factor: () => number,
  seen: string[] = [],
  extra: (x: gpu.Tensor) => gpu.Tensor = (x) => x,
): gpu.CompiledStep<Float32Array> {
  return gpu.compileStep<Float32Array>({
    name: 'test',
    signature: (x) => String(x.length),
    body: (x) =>
      gpu.tidy(() => ({
        outputs: [
          gpu.add(
            extra(
              gpu.mul(
                gpu.stepInput(x, (values) => values, [x.length]),
                factor(),
              ),
            ),
            1,
          ),
        ],
      })),
    onFallback: (reason) => seen.push(reason),
  });
}

const run = (step: gpu.CompiledStep<Float32Array>, x: Float32Array): gpu.Tensor => at(step.run(x).outputs, 0);

test('a step may be freed before what it queued was sent', async () => {
  const step = makeStep(() => 2);
  const y = run(step, input(8));
  step.dispose();
  expect([...(await gpu.read(y))]).toEqual([1, 3, 5, 7, 9, 11, 13, 15]);
  y.dispose();
});

test('larger slots for another shape leave what is queued alone', async () => {
  const step = makeStep(() => 2);
  const small = run(step, input(8));
  await step.prepare(input(4096));
  expect([...(await gpu.read(small))]).toEqual([1, 3, 5, 7, 9, 11, 13, 15]);
  small.dispose();
  step.dispose();
});

test('a tensor that the body makes once and keeps is part of the step', async () => {
  const seen: string[] = [];
  const kept: gpu.Tensor[] = [];
  const step = makeStep(
    () => 1,
    seen,
    (x) => gpu.add(x, (kept[0] ??= gpu.keep(gpu.tensor([10, 20, 30, 40], [4])))),
  );
  for (let i = 0; i < 3; i++) {
    const y = run(step, input(4, i));
    expect([...(await gpu.read(y))]).toEqual([11 + i, 22 + i, 33 + i, 44 + i]);
    y.dispose();
  }
  expect(seen).toEqual([]);
  step.dispose();
  gpu.dispose(kept);
});

test('a tensor that the body computes once and keeps is computed once, and is part of the step', async () => {
  const seen: string[] = [];
  let kept: gpu.Tensor | null = null;
  const start = gpu.memory().numTensors;
  const step = makeStep(
    () => 1,
    seen,
    (x) => gpu.add(x, (kept ??= gpu.keep(gpu.mul(gpu.add(x, gpu.tensor([10, 20, 30, 40], [4])), 2)))),
  );
  for (let i = 0; i < 5; i++) {
    const y = run(step, input(4, i));
    // 2 * ([0, 1, 2, 3] + [10, 20, 30, 40]), of the first step.
    expect([...(await gpu.read(y))]).toEqual([20, 42, 64, 86].map((v, k) => v + 1 + i + k));
    y.dispose();
  }
  expect(seen).toEqual([]);
  expect(step.dispatchCount).toBe(3);
  step.dispose();
  gpu.dispose(kept ?? []);
  expect(gpu.memory().numTensors).toBe(start);
});

test('a step that falls back finds what it had made and kept', async () => {
  const seen: string[] = [];
  const kept: gpu.Tensor[] = [];
  const last: gpu.Tensor[] = [];
  const step = makeStep(
    () => 1,
    seen,
    (x) => {
      const made = (kept[0] ??= gpu.keep(gpu.tensor([10, 20, 30, 40], [4])));
      const computed = (kept[1] ??= gpu.keep(gpu.mul(made, 2)));
      const sum = gpu.add(x, gpu.add(made, computed));
      gpu.dispose(last);
      last[0] = gpu.keep(gpu.mul(sum, 2));
      return sum;
    },
  );
  for (let i = 0; i < 3; i++) {
    const y = run(step, input(4, i));
    const expected = [30, 61, 92, 123].map((v) => v + i);
    expect([...(await gpu.read(y))]).toEqual(expected.map((v) => v + 1));
    expect([...(await gpu.read(at(last, 0)))]).toEqual(expected.map((v) => 2 * v));
    y.dispose();
  }
  expect(seen).toEqual(['a tensor [4] that is made in each step and kept after it']);
  step.dispose();
  gpu.dispose([...kept, ...last]);
});

test('what a step keeps of a norm is there when it falls back, and running statistics move once a step', async () => {
  const results: number[][] = [];
  const reasons: string[] = [];
  for (const eager of [false, true]) {
    const ones = gpu.tensor([1, 1], [2]);
    const [gamma, beta, mean, variance] = take(
      [1, 0, 0, 1].map(() => gpu.variable(ones)),
      4,
    );
    let last: gpu.Tensor | null = null;
    const step = gpu.compileStep<Float32Array>(
      {
        name: 'test',
        signature: () => '',
        body: (x) => {
          const image = gpu.stepInput(x, (values) => values, [1, 2, 2, 2]);
          const running = { mean, variance, momentum: 0.5 };
          const { y } = gpu.batchNormTrain(image, gamma, beta, 1e-5, undefined, running);
          gpu.dispose(last ?? []);
          last = gpu.keep(gpu.mul(y, 2));
          return { outputs: [gpu.add(y, 1)] };
        },
        onFallback: (reason) => reasons.push(reason),
      },
      { eager },
    );
    for (let i = 0; i < 3; i++) {
      const y = run(step, input(8, i));
      for (const t of [y, last ?? y, mean, variance]) results.push([...(await gpu.read(t))]);
      y.dispose();
    }
    step.dispose();
    gpu.dispose([ones, gamma, beta, mean, variance, last ?? []]);
  }
  expect(results.slice(0, 12)).toEqual(results.slice(12));
  expect(reasons).toEqual(['a tensor [1, 2, 2, 2] that is made in each step and kept after it']);
});

test('a shape that was used once may do something else in the next epoch', async () => {
  const seen: string[] = [];
  let factor = 2;
  const step = makeStep(() => factor, seen);
  const first = run(step, input(4));
  factor = 3;
  step.recheck();
  const results = [first, run(step, input(4)), run(step, input(4, 1))];
  const values = await Promise.all(results.map((y) => gpu.read(y)));
  expect(values.map((v) => [...v])).toEqual([
    [1, 3, 5, 7],
    [1, 4, 7, 10],
    [4, 7, 10, 13],
  ]);
  expect(seen).toEqual([]);
  gpu.dispose(results);
  step.dispose();
});
