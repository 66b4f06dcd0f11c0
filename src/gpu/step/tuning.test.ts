// How variants are timed.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import * as gpu from '../index.ts';
import { handleOrThrow } from '../device/handle.ts';
import { testAdapter } from '../testing/adapter.ts';
import { limitedAdapter } from '../testing/limitedAdapter.ts';
import { recordStep } from './recording.ts';
import { ScratchBench, type BenchDispatch } from './scratchBench.ts';
import { take } from '../../util/at.ts';

beforeAll(testAdapter);
afterEach(() => {
  gpu.setVariantTuning(null);
  gpu.setVariantChoices({});
});
afterAll(() => {
  gpu.disposeEngine();
});

/** The dispatch of a convolution, bound. */
async function convolution(bench: ScratchBench, size: number): Promise<BenchDispatch> {
  const [x, w] = [gpu.ones([1, size, size, 4]), gpu.ones([3, 3, 4, 4])];
  const body = (): gpu.StepOutputs => ({ outputs: [gpu.conv2d(x, w, null, { padding: [1, 1] })] });
  const { dispatches, tensors } = recordStep(null, body, handleOrThrow().backend);
  gpu.dispose([x, w]);
  const [dispatch] = take(dispatches, 1);
  const bytes = dispatch.bindings.map(({ data }) => tensors.get(data)?.bytes ?? 0);
  expect(await bench.reserve([{ bytes }])).toBe(true);
  return bench.bind(dispatch, bytes);
}

/** Tune a step of one convolution. @returns the choices' names */
async function tune(isDeterministic: boolean): Promise<string[]> {
  const weight = gpu.variable(gpu.ones([3, 3, 4, 4]));
  const step = gpu.compileStep<Float32Array>({
    name: 'test',
    signature: () => '',
    body: (x) => ({
      outputs: [
        gpu.conv2d(
          gpu.stepInput(x, (v) => v, [1, 4, 4, 4]),
          weight,
          null,
        ),
      ],
    }),
  });
  gpu.setVariantTuning({ isDeterministic });
  await step.prepare(new Float32Array(64));
  step.dispose();
  weight.dispose();
  return Object.keys(gpu.variantChoices());
}

test('a quick dispatch is repeated until its span is some ms, by timestamps where they move', async () => {
  const bench = new ScratchBench();
  const quick = await convolution(bench, 4);
  const clock = await bench.clockFor(quick);
  expect(clock).toBe('gpu');
  // The machine may be busy at one time or another.
  const tries = [];
  for (let i = 0; i < 3; i++) tries.push(await bench.repeatsFor(quick, clock));
  const repeats = Math.max(...tries);
  expect(repeats).toBeGreaterThan(1);
  expect(await bench.time(quick, clock, repeats)).toBeGreaterThan(0);
  const slow = await convolution(bench, 256);
  expect(await bench.repeatsFor(slow, clock)).toBeLessThanOrEqual(repeats);
  bench.dispose();
});

test('bits are compared in deterministic mode only', async () => {
  const bitsOf = vi.spyOn(ScratchBench.prototype, 'bitsOf');
  expect(await tune(false)).toHaveLength(1);
  expect(bitsOf).not.toHaveBeenCalled();
  gpu.setVariantChoices({});
  expect(await tune(true)).toHaveLength(1);
  expect(bitsOf).toHaveBeenCalled();
  bitsOf.mockRestore();
});

test('in deterministic mode a faster variant is chosen only where it gives the same bits', async () => {
  const chosen = async (isDeterministic: boolean, areBitsEqual: boolean): Promise<string> => {
    gpu.setVariantChoices({});
    // The kernel's own choice comes first.
    let [asked, own] = [0, ''];
    const spies = [
      vi.spyOn(ScratchBench.prototype, 'bitsOf').mockImplementation(() => {
        asked += 1;
        return Promise.resolve(areBitsEqual || asked === 1 ? 'own' : 'other');
      }),
      vi.spyOn(ScratchBench.prototype, 'time').mockImplementation(({ key }) => {
        if (own === '') own = key;
        return Promise.resolve(key === own ? 100 : 1);
      }),
    ];
    const [key] = take(await tune(isDeterministic), 1);
    for (const spy of spies) spy.mockRestore();
    return gpu.variantChoices()[key] ?? 'none';
  };
  const own = await chosen(true, false);
  const fast = await chosen(false, false);
  expect(own).not.toBe(fast);
  expect(await chosen(true, true)).toBe(fast);
});

test('without timestamps all candidates are timed by the clock', async () => {
  await limitedAdapter({}, ['timestamp-query']);
  const bench = new ScratchBench();
  expect(await bench.clockFor(await convolution(bench, 4))).toBe('wall');
  bench.dispose();
  expect(await tune(false)).toHaveLength(1);
});
