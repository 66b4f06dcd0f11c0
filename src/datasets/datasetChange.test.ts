import { describe, expect, test } from 'vitest';
import { DataLoader } from './dataLoader.ts';
import type { Dataset } from './dataset.ts';
import { changeDataset } from './datasetChange.ts';
import './index.ts';
import { DatasetSampleSource } from './sampleSource.ts';
import { testContext } from './testing/context.ts';

const pipeline = [
  { type: 'LoadImageFromFile' },
  { type: 'LoadAnnotations' },
  { type: 'Resize', img_scale: [96, 64], keep_ratio: false },
  { type: 'RandomFlip', flip_ratio: 1 },
  { type: 'Pad', size_divisor: 32 },
  { type: 'DefaultFormatBundle' },
  { type: 'Collect', keys: ['img', 'gt_bboxes', 'gt_labels'] },
];

async function openLoader(): Promise<DataLoader> {
  const shapes = { type: 'ShapesDataset', num_images: 4, img_scale: [96, 64], pipeline };
  const context = testContext();
  const cfg = { type: 'RepeatDataset', times: 2, dataset: shapes };
  const dataset = context.build<Dataset>('DATASETS', cfg, 'data.train');
  await dataset.load();
  return new DataLoader({
    source: new DatasetSampleSource(dataset, 0),
    dataset,
    batchSize: 4,
    shuffle: true,
    seed: 0,
  });
}

async function epochOf(loader: DataLoader): Promise<{ shapes: unknown[]; flips: unknown[] }> {
  const shapes: unknown[] = [];
  const flips: unknown[] = [];
  for await (const { imgMetas } of loader.epoch(0)) {
    shapes.push(...imgMetas.map((meta) => meta.img_shape.slice(0, 2).join()));
    flips.push(...imgMetas.map((meta) => meta.flip));
  }
  return { shapes: [...new Set(shapes)], flips: [...new Set(flips)] };
}

describe('changeDataset', () => {
  test('transforms of the named types are left out, through wrappers too', async () => {
    const loader = await openLoader();
    expect((await epochOf(loader)).flips).toEqual([true]);
    loader.changeDataset({ skipTypeKeys: ['RandomFlip', 'Mosaic'] });
    const { flips } = await epochOf(loader);
    expect(flips).not.toContain(true);
  });

  test('Resize takes the dynamic scale from the next epoch on', async () => {
    const loader = await openLoader();
    expect((await epochOf(loader)).shapes).toEqual(['64,96']);
    loader.changeDataset({ dynamicScale: [128, 160] });
    expect((await epochOf(loader)).shapes).toEqual(['160,128']);
  });

  test('a dataset that cannot is refused', () => {
    class Fixed {
      readonly length = 1;
    }
    expect(() => changeDataset(new Fixed(), { dynamicScale: [1, 1] })).toThrow(
      'Fixed must have updateDynamicScale',
    );
    expect(() => changeDataset(new Fixed(), { skipTypeKeys: [] })).toThrow(
      'Fixed must have updateSkipTypeKeys',
    );
  });
});
