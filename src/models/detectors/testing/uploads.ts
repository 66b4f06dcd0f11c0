// Helpers of the upload tests: the same pictures once as they travel to the GPU and once as the CPU's pixels.
import { expect } from 'vitest';
import { buildTransforms, runTransforms, type Results } from '../../../datasets/pipelines/index.ts';
import { collate, toSample, type Sample } from '../../../datasets/sample.ts';
import { testContext, testResults } from '../../../datasets/testing/context.ts';
import { dispose, read } from '../../../gpu/index.ts';
import { values } from '../../../gpu/testing/numbers.ts';
import { Rng } from '../../../util/prng.ts';
import { uploadImages } from '../baseDetector.ts';
import { take } from '../../../util/at.ts';

export interface SamplePair {
  readonly packed: Sample;
  /** Its pixels were read in the pipeline: always float32. */
  readonly pixels: Sample;
}

/** Resize, RandomFlip, Normalize, Pad as MMDetection's configs have them. */
export const USUAL_STEPS = [
  { type: 'Resize', img_scale: [48, 40], keep_ratio: true },
  { type: 'RandomFlip', flip_ratio: 0.5 },
  { type: 'Normalize', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], to_rgb: true },
  { type: 'Pad', size_divisor: 32 },
] as const;

/** Run noise of the given sizes through `steps`. */
export async function samplesOf(
  steps: readonly object[],
  sizes: readonly (readonly [height: number, width: number])[],
): Promise<SamplePair[]> {
  const tail = [{ type: 'DefaultFormatBundle' }, { type: 'Collect', keys: ['img'] }];
  const transforms = buildTransforms([...steps, ...tail], testContext(), 'pipeline');
  return Promise.all(
    sizes.map(([height, width], i) =>
      samplePair(async () => {
        const input = testResults(height, width);
        const data = Uint8Array.from(values(height * width * 3, i), (v) => (v + 1) * 127.99);
        input.img = { data, shape: [height, width, 3] };
        const results = await runTransforms(transforms, input, Rng.derive(3, i));
        if (!results) throw new Error('dropped');
        return results;
      }),
    ),
  );
}

/** @param run gives new but equal results each time */
export async function samplePair(run: () => Promise<Results>): Promise<SamplePair> {
  const seen = await run();
  expect(seen.img?.data).toBeInstanceOf(Float32Array);
  return { packed: toSample(await run()), pixels: toSample(seen) };
}

/**
 * Expect the uploaded batch to have the very bits of the CPU's, and to travel as `kind`.
 * @returns bytes that travel, and those of the float32 batch
 */
export async function expectSameOnGpu(
  samples: readonly SamplePair[],
  kind: 'uint8' | 'float32',
): Promise<{ bytes: number; floatBytes: number }> {
  const batch = collate(samples.map((s) => s.packed));
  const wanted = collate(samples.map((s) => s.pixels)).img;
  if (!(wanted instanceof Float32Array)) throw new Error('the CPU makes float32');
  const arrays = batch.img instanceof Float32Array ? [batch.img] : Object.values(batch.img);
  expect(arrays).toHaveLength(kind === 'uint8' ? 3 : 1);
  const uploaded = uploadImages(batch);
  expect(uploaded.shape).toEqual(batch.shape);
  const actual = Float32Array.from(await read(uploaded));
  dispose(uploaded);
  const [got, expected] = take(
    [actual, wanted].map((floats) => new Uint32Array(floats.buffer)),
    2,
  );
  expect([got.length, expected.findIndex((word, i) => word !== got[i])]).toEqual([expected.length, -1]);
  return { bytes: arrays.reduce((sum, array) => sum + array.byteLength, 0), floatBytes: wanted.byteLength };
}
