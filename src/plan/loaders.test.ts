import { expect, test } from 'vitest';
import { compatCfg, loadConfigText } from '../config/index.ts';
import { dataOf, workersOf } from './loaders.ts';

test.each([
  ['', [2, 2]],
  ['workers_per_gpu=0', [0, 0]],
  ['train_dataloader=dict(workers_per_gpu=0)', [0, 2]],
  ['train_dataloader=dict(workers_per_gpu=4), val_dataloader=dict(workers_per_gpu=1)', [4, 1]],
  // MMDetection lets the one of data win.
  ['workers_per_gpu=3, train_dataloader=dict(workers_per_gpu=0)', [3, 3]],
])('data = dict(%s) has as many workers for training and evaluation as it says', async (text, wanted) => {
  const { config } = await loadConfigText(`total_epochs = 1\ndata = dict(${text})`, '.py');
  const data = dataOf(compatCfg(config?.dict ?? {}).dict);
  expect([workersOf(data, true), workersOf(data, false)]).toEqual(wanted);
});
