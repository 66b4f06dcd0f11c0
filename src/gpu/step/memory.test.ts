// Steps that the device can't hold: told before anything runs, and the engine lives on.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { failBuffers } from '../testing/outOfMemory.ts';
import { StepPlan } from './plan.ts';
import type { StepTensor } from './recordedStep.ts';
import { take } from '../../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});
afterEach(() => {
  gpu.setVariantTuning(null);
  gpu.setVariantChoices({});
});
afterAll(() => {
  gpu.disposeEngine();
});

interface Args {
  /** float32 [size, size]. */
  readonly image: Float32Array;
  readonly size: number;
}

const args = (size: number): Args => ({ size, image: new Float32Array(size * size).fill(1) });

/** The sum of a picture that went through a convolution with weight 2. */
function makeStep(): { step: gpu.CompiledStep<Args>; dispose: () => void } {
  const initial = gpu.fill([1, 1, 1, 1], 2);
  const weight = gpu.variable(initial);
  const step = gpu.compileStep<Args>({
    name: 'test',
    signature: ({ size }) => String(size),
    body: (given) => {
      const image = gpu.stepInput(given, (a) => a.image, [1, given.size, given.size, 1]);
      return { outputs: [gpu.sum(gpu.conv2d(image, weight, null))] };
    },
  });
  return {
    step,
    dispose: () => {
      step.dispose();
      gpu.dispose([initial, weight]);
    },
  };
}

async function resultOf(step: gpu.CompiledStep<Args>, size: number): Promise<number> {
  const [sum] = take(step.run(args(size)).outputs, 1);
  const [value] = take(await gpu.read(sum), 1);
  sum.dispose();
  return value;
}

test.each([true, false])('a tensor that no buffer can hold, with measuring on: %s', async (isTuned) => {
  if (isTuned) gpu.setVariantTuning({ isDeterministic: false });
  const { maxStorageBindingBytes } = gpu.adapterInfo().limits;
  const size = Math.ceil(Math.sqrt(maxStorageBindingBytes / 4)) + 1;
  const { step, dispose } = makeStep();
  const error: unknown = await step.prepare({ size, image: new Float32Array(0) }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(gpu.StepTooLarge);
  expect(error).toMatchObject({
    reason: { kind: 'tensor', bytes: 4 * size * size, limit: maxStorageBindingBytes, isKept: false },
  });
  expect(await resultOf(step, 8)).toBe(128);
  dispose();
});

test('more than the device has left: told with what it gave, and smaller steps go on', async () => {
  const { step, dispose } = makeStep();
  expect(await resultOf(step, 64)).toBe(8192);
  const before = gpu.memory().numBytesInGpu;
  const end = failBuffers(2 ** 20);
  const error: unknown = await step.prepare(args(512)).catch((e: unknown) => e);
  end();
  // A picture and its convolution, 1 MB each, were not given; the sum's few bytes were.
  expect(error).toBeInstanceOf(gpu.StepTooLarge);
  const { plan, reason } = error as gpu.StepTooLarge;
  expect(reason).toEqual({ kind: 'sum', given: plan.slots + plan.inputs + plan.constants - 2 ** 21 });
  expect(gpu.memory().numBytesInGpu).toBeLessThanOrEqual(before);
  await gpu.onIdle();
  expect(await resultOf(step, 64)).toBe(8192);
  // Where the memory has come back, so has the step.
  expect(await step.prepare(args(512))).not.toBeNull();
  expect(await resultOf(step, 512)).toBe(2 ** 19);
  dispose();
});

test('without room for measuring, variants are chosen by rule', async () => {
  gpu.setVariantTuning({ isDeterministic: false });
  const { step, dispose } = makeStep();
  const end = failBuffers(2 ** 16, 1);
  expect(await step.prepare(args(128))).not.toBeNull();
  end();
  expect(gpu.variantChoices()).toEqual({});
  expect(await resultOf(step, 128)).toBe(2 ** 15);
  dispose();
});

test('constants that fit one by one but not in the buffer that holds them all', () => {
  const constants = [{}, {}].map((data): readonly [object, StepTensor<null>] => [
    data,
    { data, bytes: 240, origin: { kind: 'constant', values: new Float32Array(60) } },
  ]);
  const recording = { dispatches: [], tensors: new Map(constants), outputs: [], effects: [] };
  const plan = (maxBufferSize: number): StepPlan<null> =>
    new StepPlan(recording, { maxBufferSize, maxStorageBufferBindingSize: 256 });
  expect(plan(512).constantBytes).toBe(512);
  expect(() => plan(500)).toThrow(gpu.StepTooLarge);
});
