import { expect, test } from 'vitest';
import { createMemoryFs } from './memoryFs.ts';
import { nearbyFiles } from './nearbyFiles.ts';

const fs = createMemoryFs({
  'data/coco/instances_train2017.json': '',
  'data/coco/readme.md': '',
  'data/none/readme.md': '',
});

test.each([
  ['data/coco/instances_trian2017.json', "did you mean 'data/coco/instances_train2017.json'?"],
  ['data/coco/instances_val2017.json', 'data/coco has instances_train2017.json'],
  ['data/cocco/instances_train2017.json', "did you mean 'data/coco'?"],
  ['dat/coco/instances_train2017.json', "did you mean 'data'?"],
  ['data/none/a.json', 'data/none has readme.md'],
  ['elsewhere/a.json', undefined],
])('%s: %s', async (path, hint) => {
  expect(await nearbyFiles(fs, path, '.json')).toBe(hint);
});
