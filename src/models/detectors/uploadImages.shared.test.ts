// The uint8 way to the GPU against the pixels of the CPU, on BCCD's photographs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWithSharp } from '../../datasets/decoders/sharpDecoder.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import '../../datasets/index.ts';
import { testContext } from '../../datasets/testing/context.ts';
import { disposeEngine } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { createNodeFs } from '../../storage/nodeFs.ts';
import { Rng } from '../../util/prng.ts';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { expectSameOnGpu, samplePair, USUAL_STEPS } from './testing/uploads.ts';

describe.runIf(sharedDir)('uploadImages on BCCD', () => {
  beforeAll(testAdapter);
  afterAll(disposeEngine);

  async function open(steps: readonly object[]): Promise<Dataset> {
    const services = { fs: createNodeFs(sharedDir ?? ''), decodeImage: decodeWithSharp };
    const dataset = testContext({}, services).build<Dataset>(
      'DATASETS',
      {
        type: 'CocoDataset',
        classes: ['RBC', 'WBC', 'Platelets'],
        ann_file: 'data/bccd/coco/instances_train.json',
        img_prefix: 'data/bccd/BCCD/JPEGImages/',
        pipeline: [
          { type: 'LoadImageFromFile' },
          { type: 'LoadAnnotations', with_bbox: true },
          ...steps,
          { type: 'DefaultFormatBundle' },
          { type: 'Collect', keys: ['img', 'gt_bboxes', 'gt_labels'] },
        ],
      },
      'data.train',
    );
    await dataset.load();
    return dataset;
  }

  const [, flip, norm, pad] = USUAL_STEPS;
  test.each([
    ['320x240', [{ type: 'Resize', img_scale: [320, 240], keep_ratio: true }, flip, norm, pad], 3.9],
    // Several sizes in a batch: a slot is as large as the largest.
    [
      'from 200 to 333',
      [
        {
          type: 'Resize',
          img_scale: [
            [200, 150],
            [333, 250],
          ],
        },
        flip,
        norm,
        pad,
      ],
      3.9,
    ],
    ['unscaled, grey padding, BGR', [flip, { ...norm, to_rgb: false }, { ...pad, pad_val: 0.5 }], 3.9],
  ] as const)(
    '%s: every bit of a batch of eight is the same, at a quarter of the bytes',
    async (_, steps, saving) => {
      const dataset = await open(steps);
      const samples = await Promise.all(
        Array.from({ length: 8 }, (_, i) => samplePair(() => dataset.getItem(i, Rng.derive(0, 0, i)))),
      );
      expect(new Set(samples.map(({ packed }) => packed.imgMeta.flip)).size).toBe(2);
      const { bytes, floatBytes } = await expectSameOnGpu(samples, 'uint8');
      expect(floatBytes / bytes).toBeGreaterThan(saving);
    },
  );
});
