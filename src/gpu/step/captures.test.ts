// How many shapes a step remembers.
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => {
  gpu.disposeEngine();
});

/** A step over vectors of any length that counts how often it is recorded. */
function countingStep(): { run(sizes: readonly number[]): number; dispose(): void } {
  let recordings = 0;
  const step = gpu.compileStep<Float32Array>({
    name: 'test',
    signature: (x) => String(x.length),
    body: (x) => {
      recordings += 1;
      return { outputs: [gpu.square(gpu.stepInput(x, (values) => values, [x.length]))] };
    },
  });
  return {
    run: (sizes) => {
      recordings = 0;
      for (const size of sizes) gpu.dispose(step.run(new Float32Array(size)).outputs);
      return recordings;
    },
    dispose: () => {
      step.dispose();
    },
  };
}

const SHAPES = Array.from({ length: 80 }, (_, i) => i + 1);

test('with more shapes than places, most are recorded once, whatever their order', () => {
  const step = countingStep();
  // An evaluation, whose pictures come in the same order each time.
  expect(step.run(SHAPES)).toBe(80);
  // 63 stay, each looked at again in its first two steps with other values; the other 17 replace one another.
  expect([step.run(SHAPES), step.run(SHAPES), step.run(SHAPES)]).toEqual([80, 80, 17]);
  step.dispose();
});

test('shapes that come often keep their places; those of a phase that is over make room', () => {
  const step = countingStep();
  const often = SHAPES.slice(0, 40);
  for (let i = 0; i < 3; i++) step.run(often);
  step.run(SHAPES);
  const others = Array.from({ length: 60 }, (_, i) => 100 + i);
  expect(step.run(others)).toBe(60);
  // All 40 are still there, at their fourth step, which is looked at, and their fifth, which is not.
  expect([step.run(often), step.run(often)]).toEqual([40, 0]);
  // From now on only the others come: 36 of them have no place until the 40 are stale. Looked at in steps 1, 2, 4, 8.
  const rounds = Array.from({ length: 17 }, () => step.run(others));
  expect(rounds.slice(-3)).toEqual([0, 0, 0]);
  step.dispose();
});
