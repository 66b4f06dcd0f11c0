import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { shortRun, type ShortRun } from './testing/shortRun.ts';

await testAdapter();

function run(train: string): Promise<ShortRun> {
  const text = `_base_ = ['../learn/short_run.py']
data = dict(train=${train})
workflow = [('train', 1), ('val', 1)]
runner = dict(type='EpochBasedRunner', max_epochs=1)
`;
  return shortRun('configs/my/val.py', { 'configs/my/val.py': text });
}

const PART = `dict(type='ShapesDataset', num_images=4, img_scale=(64, 64), pipeline={{ _base_.train_pipeline }})`;

test.each([
  ['data.train', PART],
  ['the dataset that it repeats', `dict(_delete_=True, type='RepeatDataset', times=2, dataset=${PART})`],
  [
    'the innermost dataset',
    `dict(_delete_=True, type='RepeatDataset', times=1, dataset=dict(type='RepeatDataset', times=2, dataset=${PART}))`,
  ],
])('a val step takes the training pipeline from %s', async (_, train) => {
  const { log } = await run(train);
  expect(log).toMatch(/Epoch\(val\) \[1\]\[1\].*loss_cls: /);
});

test.each([
  `dict(_delete_=True, type='ConcatDataset', datasets=[${PART}, ${PART}])`,
  `dict(_delete_=True, type='RepeatDataset', times=1, dataset=[${PART}, ${PART}])`,
])('parts that have a pipeline each are refused: no one of them is the training pipeline', async (train) => {
  await expect(run(train)).rejects.toMatchObject({
    message: 'a val step of workflow needs the pipeline of data.train, but it has none',
    path: 'data.train.pipeline',
    span: { line: 2 },
  });
});
