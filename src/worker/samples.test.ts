import { expect, test } from 'vitest';
import { pixelsOf, type Sample } from '../datasets/sample.ts';
import { DatasetError } from '../errors/trainerError.ts';
import { RpcClient } from './channel.ts';
import { openSamples, serveSamples } from './samples.ts';

function makeSample(index: number, epoch: number): Sample {
  // Only the arrays matter here; the metas of a real pipeline are plain data as well.
  const imgMeta = { filename: `${index}.jpg` } as unknown as Sample['imgMeta'];
  return {
    img: new Float32Array([index, epoch, 0]),
    imgShape: [1, 1, 3] as unknown as Sample['imgShape'],
    gtBboxes: new Float32Array([0, 0, 1, 1]),
    gtLabels: new Int32Array([index]),
    imgMeta,
  };
}

const SPEC = { configPath: 'a.py', split: 'train', seed: 3 } as const;

test('samples arrive whole, by index and epoch, from the source of their spec', async () => {
  const { port1, port2 } = new MessageChannel();
  const opened: unknown[] = [];
  serveSamples(port2, async (spec) => {
    opened.push(spec);
    return {
      getSample: async (index, epoch) => makeSample(index, epoch),
    };
  });
  const source = await openSamples(new RpcClient(port1), SPEC);
  const samples = await Promise.all([source.getSample(4, 1), source.getSample(2, 0)]);
  expect(opened).toEqual([SPEC]);
  expect(samples.map((s) => [...pixelsOf(s)])).toEqual([
    [4, 1, 0],
    [2, 0, 0],
  ]);
  expect(samples[0].gtLabels).toEqual(new Int32Array([4]));
  port1.close();
});

test('a uint8 picture crosses without a copy of its bytes, and is finished there', async () => {
  const { port1, port2 } = new MessageChannel();
  const bytes = Uint8Array.of(3, 5, 7);
  const table = Float32Array.from({ length: 257 * 3 }, (_, i) => i);
  const img = { bytes, height: 1, width: 1, flip: null, swapsChannels: true, padded: [1, 1], table } as const;
  serveSamples(port2, async () => ({ getSample: async () => ({ ...makeSample(0, 0), img }) }));
  const sample = await (await openSamples(new RpcClient(port1), SPEC)).getSample(0, 0);
  // Channel k of byte v is 3 v + k.
  expect([...pixelsOf(sample)]).toEqual([21, 16, 11]);
  expect([bytes.length, table.length]).toEqual([0, 771]);
  port1.close();
});

test('a change of the dataset arrives before the samples that are asked for after it', async () => {
  const { port1, port2 } = new MessageChannel();
  const changes: unknown[] = [];
  serveSamples(port2, async () => ({
    getSample: async (index) => makeSample(index, changes.length),
    changeDataset: (change) => void changes.push(change),
  }));
  const source = await openSamples(new RpcClient(port1), SPEC);
  const before = source.getSample(1, 0);
  source.changeDataset?.({ skipTypeKeys: ['Mosaic'] });
  const after = await source.getSample(1, 0);
  expect([[...pixelsOf(await before)], [...pixelsOf(after)]]).toEqual([
    [1, 0, 0],
    [1, 1, 0],
  ]);
  expect(changes).toEqual([{ skipTypeKeys: ['Mosaic'] }]);
  port1.close();
});

test('what building the dataset throws crosses with its path', async () => {
  const { port1, port2 } = new MessageChannel();
  serveSamples(port2, async () => {
    throw new DatasetError('the annotation file is missing', { code: 'not-found', path: 'data/x.json' });
  });
  await expect(openSamples(new RpcClient(port1), SPEC)).rejects.toMatchObject({
    name: 'DatasetError',
    path: 'data/x.json',
  });
  port1.close();
});
