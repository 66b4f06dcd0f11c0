import { expect, test } from 'vitest';
import { pathBelow, pathKeys } from './configPath.ts';

const paths: [string, (string | number)[]][] = [
  ['data.train.pipeline[2].img_scale', ['data', 'train', 'pipeline', 2, 'img_scale']],
  ["optimizer.paramwise_cfg.custom_keys['backbone.stem'].lr_mult", ['optimizer', 'paramwise_cfg', 'custom_keys', 'backbone.stem', 'lr_mult']],
  [String.raw`a['it\'s'][0]`, ['a', "it's", 0]],
  ['workflow[0][1]', ['workflow', 0, 1]],
]; // prettier-ignore

test.each(paths)('%s is taken apart and put together again', (path, keys) => {
  expect(pathKeys(path)).toEqual(keys.map(String));
  expect(keys.reduce<string>(pathBelow, '')).toBe(path);
});
