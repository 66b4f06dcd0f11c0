import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { DatasetSpec } from '../plan/buildDataset.ts';
import { shortRun } from './testing/shortRun.ts';

await testAdapter();

test.each([
  ['workers_per_gpu=0', []],
  ['workers_per_gpu=3', ['val 3', 'train 3']],
])('data = dict(%s): only loaders with workers ask the host for samples', async (text, wanted) => {
  const asked: string[] = [];
  const opened = shortRun(
    'configs/my/a.py',
    { 'configs/my/a.py': `_base_ = ['../learn/short_run.py']\ndata = dict(${text})\n` },
    {
      createSampleSource: async ({ split }: DatasetSpec, workers: number) => {
        asked.push(`${split} ${workers}`);
        return { getSample: () => Promise.reject(new Error('the host was asked')) };
      },
    },
  );
  if (wanted.length > 0) await expect(opened).rejects.toThrow('the host was asked');
  else await opened;
  expect(asked).toEqual(wanted);
});
