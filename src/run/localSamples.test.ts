import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { DatasetSpec } from '../plan/buildDataset.ts';
import { createLocalSampleSource } from '../plan/buildDataset.ts';
import { shortRun, workspaceWith } from './testing/shortRun.ts';

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

test('what a transform throws unasked in a decode worker rejects the samples behind it, with its line', async () => {
  const transform = `import { PIPELINES, type Results, type Transform } from 'mmdet/datasets';
@PIPELINES.registerModule()
export class Straying implements Transform {
  async call(results: Results): Promise<Results> {
    this.look().catch(Reflect.get(globalThis, 'stray'));
    return results;
  }
  async look(): Promise<void> {
    throw new Error('nobody looks');
  }
}
`;
  const config = `_base_ = ['../learn/short_run.py']
custom_imports = dict(imports='mine.straying')
data = dict(train=dict(pipeline=[
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True), dict(type='Straying'),
    dict(type='Resize', img_scale=(64, 64), keep_ratio=True), dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]), dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])]))
`;
  const fs = workspaceWith({ 'configs/my/a.py': config, 'mine/straying.ts': transform });
  const source = await createLocalSampleSource(
    { configPath: 'workspace/configs/my/a.py', split: 'train', seed: 0, withUserModules: true },
    {
      fs,
      decodeImage: () => Promise.reject(new Error('no pictures here')),
      watchStray: (take) => {
        Object.assign(globalThis, { stray: take });
        return () => void Reflect.deleteProperty(globalThis, 'stray');
      },
    },
  );
  await source.getSample(0, 0).catch(() => undefined);
  await expect(source.getSample(1, 0)).rejects.toMatchObject({
    code: 'stray-error',
    span: { file: 'workspace/mine/straying.ts', line: 9 },
  });
});
