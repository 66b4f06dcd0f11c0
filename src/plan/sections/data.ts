// `data`: the three data sets, and what their loaders take.

import { expandDatasetCfg } from '../../datasets/expandCfg.ts';
import {
  absent,
  anything,
  between,
  built,
  declareArgs,
  dictOf,
  flag,
  hinted,
  int,
  misplaced,
  oneOrMore,
  orNone,
} from '../../registry/args/index.ts';

/** A dispatch has at most as many workgroups each way. */
const MAX_BATCH = 65_535;
/** More workers than any machine has cores for. */
const MAX_WORKERS = 64;

const samples = absent(between(int, 1, MAX_BATCH), 'How many pictures are in a batch.', 'pictures');
const workers = absent(
  hinted(between(int, 0, MAX_WORKERS), '0 decodes pictures in the worker that trains'),
  'How many workers decode pictures; 0: the one that trains does.',
  'workers',
);
const persistent = absent(flag, 'Changes nothing: workers stay for the whole run.');
const byClass = absent(orNone(anything), 'Not supported: pictures are taken in random order.');

/** Of one loader. */
const LOADER = dictOf(
  declareArgs(
    {
      samples_per_gpu: samples,
      workers_per_gpu: workers,
      persistent_workers: persistent,
      shuffle: absent(flag, 'Changes nothing: training is shuffled, evaluation is not.'),
      pin_memory: absent(flag, 'Changes nothing: there is no such memory here.'),
      class_aware_sampler: byClass,
    },
    { unread: 'slips' },
  ),
);

/** A loader's settings inside a data set never act. */
const elsewhere = (key: string): typeof workers =>
  absent(
    misplaced(`write data = dict(${key}=…)`),
    `Belongs into data: data = dict(${key}=…).`,
  ) as typeof workers;

const expand = expandDatasetCfg;
const trainSet = built('DATASETS', [], {
  expand,
  beside: declareArgs({
    samples_per_gpu: elsewhere('samples_per_gpu'),
    workers_per_gpu: elsewhere('workers_per_gpu'),
  }),
});
const testSet = built('DATASETS', [], {
  expand,
  beside: declareArgs({ samples_per_gpu: samples, workers_per_gpu: elsewhere('workers_per_gpu') }),
});

export const DATA_ARGS = declareArgs(
  {
    samples_per_gpu: samples,
    workers_per_gpu: workers,
    train: absent(
      orNone(oneOrMore(trainSet)),
      'The data set that is trained on; a list: several, one behind the other.',
    ),
    val: absent(orNone(oneOrMore(testSet)), 'The data set that is evaluated on during training.'),
    test: absent(orNone(oneOrMore(testSet)), 'The data set of tabtrain test.'),
    train_dataloader: absent(LOADER, 'Settings of the loader of data.train.'),
    val_dataloader: absent(LOADER, 'Settings of the loader of data.val.'),
    test_dataloader: absent(LOADER, 'Settings of the loader of data.test.'),
    persistent_workers: persistent,
    class_aware_sampler: byClass,
    sampler: byClass,
    imgs_per_gpu: absent(anything, 'The old name of samples_per_gpu.'),
  },
  { unread: 'slips' },
);
