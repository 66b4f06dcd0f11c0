// The uint8 way to the GPU against the pixels of the CPU, on made pictures. Real ones: uploadImages.shared.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as gpu from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { expectSameOnGpu, samplesOf, USUAL_STEPS } from './testing/uploads.ts';

beforeAll(testAdapter);
afterAll(() => {
  gpu.disposeEngine();
});

const [, flip, norm, pad] = USUAL_STEPS;

describe('uploadImages: a batch of uint8 pictures has the bits of the CPU', () => {
  test('different odd sizes, flipped or not', async () => {
    const samples = await samplesOf(USUAL_STEPS, [
      [33, 41],
      [64, 31],
      [47, 47],
      [20, 63],
    ]);
    expect(new Set(samples.map(({ packed }) => packed.imgMeta.flip)).size).toBe(2);
    const { bytes, floatBytes } = await expectSameOnGpu(samples, 'uint8');
    expect(bytes).toBeLessThan(floatBytes / 3);
  });

  test('every direction', async () => {
    const direction = ['horizontal', 'vertical', 'diagonal'];
    const steps = [{ ...flip, flip_ratio: [0.33, 0.33, 0.34], direction }, norm, pad];
    const samples = await samplesOf(
      steps,
      Array.from({ length: 12 }, () => [9, 13] as const),
    );
    expect(new Set(samples.map(({ packed }) => packed.imgMeta.flip_direction)).size).toBe(3);
    await expectSameOnGpu(samples, 'uint8');
  });

  test('a padding colour, before Normalize and after it', async () => {
    const sizes = [
      [15, 17],
      [32, 5],
    ] as const;
    const colour = { type: 'Pad', size: [32, 36], pad_val: { img: [114, 7, 201] } };
    await expectSameOnGpu(await samplesOf([colour, norm], sizes), 'uint8');
    await expectSameOnGpu(await samplesOf([norm, colour], sizes), 'uint8');
    await expectSameOnGpu(await samplesOf([colour], sizes), 'uint8');
  });

  test('a mirrored padding, a single picture, no steps at all', async () => {
    const always = { ...flip, flip_ratio: 1 };
    await expectSameOnGpu(await samplesOf([pad, always, norm], [[10, 11]]), 'uint8');
    await expectSameOnGpu(await samplesOf([], [[1, 3]]), 'uint8');
  });
});

describe('uploadImages: pictures that meet as float32', () => {
  test('a step that needs pixels', async () => {
    const resize = { type: 'Resize', img_scale: [24, 24] };
    await expectSameOnGpu(await samplesOf([norm, resize, flip, pad], [[10, 11]]), 'float32');
  });

  test('two pipelines in one batch', async () => {
    const other = { ...norm, mean: [1, 2, 3] };
    const samples = [
      ...(await samplesOf([norm, pad], [[10, 11]])),
      ...(await samplesOf([other, flip], [[7, 40]])),
      ...(await samplesOf([flip], [[7, 4]])),
    ];
    await expectSameOnGpu(samples, 'float32');
  });
});

test('uploading leaves nothing but the batch', async () => {
  const samples = await samplesOf(USUAL_STEPS, [[33, 41]]);
  const before = gpu.memory().numTensors;
  await expectSameOnGpu(samples, 'uint8');
  expect(gpu.memory().numTensors).toBe(before);
});
