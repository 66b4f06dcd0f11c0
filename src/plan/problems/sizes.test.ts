import { expect, test } from 'vitest';
import { findConfigProblems } from './index.ts';
import { sizesOutOfBounds } from './sizes.ts';

const placesOf = (dict: Record<string, unknown>): (string | undefined)[] =>
  findConfigProblems(dict).flatMap(({ severity, path }) => (severity === 'error' ? [path] : []));

const train = (...pipeline: object[]): Record<string, unknown> => ({
  data: { train: { type: 'RepeatDataset', dataset: { pipeline } } },
});
const step = 'data.train.dataset.pipeline[0]';

test.each([
  [{ data: { samples_per_gpu: 1e9 } }, 'data.samples_per_gpu'],
  [{ data: { workers_per_gpu: -1 } }, 'data.workers_per_gpu'],
  [{ data: { train_dataloader: { workers_per_gpu: 1e6 } } }, 'data.train_dataloader.workers_per_gpu'],
  [{ seed: 1e300 }, 'seed'],
  [{ model: { test_cfg: { rcnn: { max_per_img: -1 } } } }, 'model.test_cfg.rcnn.max_per_img'],
  [train({ type: 'Resize', img_scale: [20_000, 20_000] }), `${step}.img_scale`],
  [
    train({
      type: 'Resize',
      img_scale: [
        [640, 480],
        [100_000, 100_000],
      ],
    }),
    `${step}.img_scale`,
  ],
  [train({ type: 'Pad', size_divisor: 1e6 }), `${step}.size_divisor`],
  [train({ type: 'Pad', size: [1e6, 1e6] }), `${step}.size`],
  [train({ type: 'MultiScaleFlipAug', img_scale: [9e4, 9e4], transforms: [] }), `${step}.img_scale`],
])('%j is refused at %s', (dict, path) => {
  expect(placesOf(dict)).toContain(path);
});

test('usual sizes pass', () => {
  const dict = train({ type: 'Resize', img_scale: [1333, 800] }, { type: 'Pad', size_divisor: 32 });
  const data = { samples_per_gpu: 16, workers_per_gpu: 0, ...(dict.data as object) };
  expect(sizesOutOfBounds({ seed: 42, data, model: { test_cfg: { max_per_img: 100 } } })).toEqual([]);
});
