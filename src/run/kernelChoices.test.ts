import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { useKernelChoices } from './kernelChoices.ts';
import { at } from '../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => {
  gpu.disposeEngine();
});

test('measured choices are on disk while the run goes on, and the next run measures nothing', async () => {
  const fs = createMemoryFs();
  const options = { mode: 'measure', folder: 'cache', isDeterministic: true } as const;
  const weight = gpu.variable(gpu.tensor(new Float32Array(4 * 4), [1, 1, 4, 4]));
  const makeStep = (): gpu.CompiledStep<Float32Array> =>
    gpu.compileStep<Float32Array>({
      name: 'test',
      signature: () => '',
      body: (image) => {
        const input = gpu.stepInput(image, (args) => args, [1, 4, 4, 4]);
        return { outputs: [gpu.conv2d(input, weight, null, { stride: [1, 1], padding: [0, 0] })] };
      },
    });
  const first = makeStep();
  const second = makeStep();
  const used = await useKernelChoices(fs, options);
  expect(used.areDeterministic).toBe(true);
  try {
    await first.prepare(new Float32Array(64));
    const choices = gpu.variantChoices();
    expect(Object.keys(choices).length).toBeGreaterThan(0);
    // The run is killed here: its end never comes.
    await expect.poll(() => fs.list('cache')).toHaveLength(1);
    const { name } = at(await fs.list('cache'), 0);
    const text = await fs.readText(`cache/${name}`);
    expect(JSON.parse(text)).toMatchObject({ version: 1, adapter: gpu.adapterInfo().key, choices });

    const again = await useKernelChoices(fs, options);
    expect(gpu.variantChoices()).toEqual(choices);
    await fs.remove(`cache/${name}`);
    await second.prepare(new Float32Array(64));
    await again.end();
    expect(await fs.list('cache')).toEqual([]);
  } finally {
    await used.end();
    for (const one of [first, second]) one.dispose();
    weight.dispose();
  }
});

test('another run has the same bits unless variants are chosen by time alone', async () => {
  const of = async (mode: 'measure' | 'rule', isDeterministic: boolean): Promise<boolean> => {
    const { areDeterministic, end } = await useKernelChoices(createMemoryFs(), { mode, isDeterministic });
    await end();
    return areDeterministic;
  };
  expect([await of('rule', false), await of('measure', true), await of('measure', false)]).toEqual([
    true,
    true,
    false,
  ]);
});
