import { describe, expect, test } from 'vitest';
import { DataLoader } from './dataLoader.ts';
import type { ImgMeta } from './pipelines/results.ts';
import { collate, type Batch, type Sample } from './sample.ts';
import type { SampleSource } from './sampleSource.ts';
import { at } from '../util/at.ts';

function sample(index: number, height = 1, width = 1): Sample {
  return {
    img: new Float32Array(height * width).fill(index + 1),
    imgShape: [height, width, 1],
    gtBboxes: Float32Array.of(index, 0, 1, 1),
    gtLabels: Int32Array.of(index),
    imgMeta: { img_id: index } as unknown as ImgMeta,
  };
}

/** Remembers what was asked for; slow samples settle out of order. */
class TestSource implements SampleSource {
  readonly asked: number[] = [];
  failAt = -1;
  async getSample(index: number, epoch: number): Promise<Sample> {
    this.asked.push(index);
    for (let i = 0; i < (index * 7) % 5; i++) await Promise.resolve();
    if (index === this.failAt) throw new Error(`broken ${index}`);
    return sample(index + 100 * epoch);
  }
}

const dataset = { length: 10, flag: new Uint8Array(10) };

async function ids(batches: AsyncIterable<Batch>): Promise<unknown[][]> {
  const found: unknown[][] = [];
  for await (const batch of batches) found.push(batch.imgMetas.map((meta) => meta.img_id));
  return found;
}

describe('DataLoader', () => {
  test('keeps the order of a validation set, the last batch being smaller', async () => {
    const loader = new DataLoader({
      source: new TestSource(),
      dataset,
      batchSize: 4,
      shuffle: false,
      seed: 0,
    });
    expect(loader.length).toBe(3);
    expect(await ids(loader.epoch(0))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });

  test('training batches are full, the same for every prefetch, and others in another epoch', async () => {
    const epochs = await Promise.all(
      [0, 1, 5].map((prefetch) =>
        ids(
          new DataLoader({
            source: new TestSource(),
            dataset,
            batchSize: 4,
            shuffle: true,
            seed: 2,
            prefetch,
          }).epoch(0),
        ),
      ),
    );
    expect(at(epochs, 0).map((batch) => batch.length)).toEqual([4, 4, 4]);
    expect(epochs[1]).toEqual(epochs[0]);
    expect(epochs[2]).toEqual(epochs[0]);
    const loader = new DataLoader({
      source: new TestSource(),
      dataset,
      batchSize: 4,
      shuffle: true,
      seed: 2,
    });
    expect(loader.batchIndices(1)).not.toEqual(loader.batchIndices(0));
  });

  test('entering an epoch later gives its remaining batches, and decodes nothing before', async () => {
    const options = { dataset, batchSize: 2, shuffle: true, seed: 9 };
    const straight = await ids(new DataLoader({ ...options, source: new TestSource() }).epoch(1));
    const source = new TestSource();
    const loader = new DataLoader({ ...options, source });
    expect(await ids(loader.epoch(1, 3))).toEqual(straight.slice(3));
    expect(source.asked).toEqual(loader.batchIndices(1).slice(3).flat());
  });

  test('keeps exactly `prefetch` batches beyond the one handed out', async () => {
    const source = new TestSource();
    const batches = new DataLoader({
      source,
      dataset,
      batchSize: 1,
      shuffle: false,
      seed: 0,
      prefetch: 2,
    }).epoch(0);
    await batches.next();
    expect(source.asked).toEqual([0, 1, 2, 3]);
    await batches.return();
  });

  test('a broken sample is thrown at its turn, after the batches before it', async () => {
    const source = new TestSource();
    source.failAt = 5;
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const batch of new DataLoader({
        source,
        dataset,
        batchSize: 2,
        shuffle: false,
        seed: 0,
      }).epoch(0)) {
        seen.push(at(at(batch.gtLabels, 0), 0));
      }
    };
    await expect(run()).rejects.toThrow('broken 5');
    expect(seen).toEqual([0, 2]);
  });

  test('training refuses samples without ground truth, evaluation takes them', async () => {
    const source = {
      getSample: async (index: number): Promise<Sample> => ({ ...sample(index), gtBboxes: undefined }),
    };
    const make = (shuffle: boolean): DataLoader =>
      new DataLoader({ source, dataset, batchSize: 5, shuffle, seed: 0 });
    await expect(ids(make(true).epoch(0))).rejects.toMatchObject({ code: 'no-ground-truth' });
    expect(await ids(make(false).epoch(0))).toHaveLength(2);
  });

  test('a batch that no buffer holds is refused after its first picture, with numbers', async () => {
    const source = new TestSource();
    const large: SampleSource = {
      getSample: async (index, epoch) => ({
        ...(await source.getSample(index, epoch)),
        imgShape: [4096, 4096, 3],
      }),
    };
    const options = { source: large, dataset, batchSize: 4096, shuffle: true, seed: 0, prefetch: 0 };
    await expect(ids(new DataLoader(options).epoch(0))).rejects.toMatchObject({
      path: 'data.samples_per_gpu',
      message: expect.stringContaining(
        'a batch of 4096 pictures of 4096 x 4096 px is 825 GB, but one buffer of a GPU holds at most 4.3 GB',
      ) as string,
      hint: expect.stringContaining('samples_per_gpu=21 would fit') as string,
    });
    expect(source.asked).toHaveLength(1);
  });

  test('refuses a batch size of 0 and an empty dataset', () => {
    const make = (batchSize: number, length: number): DataLoader =>
      new DataLoader({
        source: new TestSource(),
        dataset: { length, flag: new Uint8Array(length) },
        batchSize,
        shuffle: true,
        seed: 0,
      });
    expect(() => make(0, 3)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: samples_per_gpu must be a whole number of at least 1, but got 0]`,
    );
    expect(() => make(2, 0)).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: the dataset must have at least one picture, but it has none]`,
    );
  });
});

test('collate pads to the largest height and width with zeros, and does not change the metas', () => {
  const samples = [sample(0, 1, 3), sample(1, 2, 1)];
  const batch = collate(samples);
  expect(batch.shape).toEqual([2, 2, 3, 1]);
  expect(batch.img).toEqual(Float32Array.of(1, 1, 1, 0, 0, 0, 2, 0, 0, 2, 0, 0));
  expect(at(batch.imgMetas, 1).batch_input_shape).toEqual([2, 3]);
  expect(at(samples, 1).imgMeta.batch_input_shape).toBeUndefined();
});
