import { expect, test } from 'vitest';
import { readClassList, readDarknetSplits, readYoloYaml } from './yoloConfig.ts';

test('data.yaml: names as a list or by index, splits as written, numbers of keypoints', () => {
  expect(
    readYoloYaml(
      'path: ../x\ntrain: [a/images, b.txt]\nvalid: ../c\nnc: 2\nnames: [" a", 1]\nkpt_shape: [17, 3]',
    ),
  ).toEqual({
    names: ['a', '1'],
    classCount: 2,
    root: '../x',
    splits: [
      { key: 'train', split: 'train', path: 'a/images' },
      { key: 'train', split: 'train', path: 'b.txt' },
      { key: 'valid', split: 'val', path: '../c' },
    ],
    keypointValues: 51,
    fault: undefined,
  });
  expect(readYoloYaml('names: {0: a, 2: c}')?.names).toEqual(['a', '', 'c']);
  expect(readYoloYaml('nc: 3')).toMatchObject({ names: undefined, keypointValues: 0, splits: [] });
  expect(readYoloYaml('- a')).toBeUndefined();
});

test('of a broken data.yaml what can be read is taken, and the fault told', () => {
  expect(readYoloYaml('names: [a, b]\nnames: [c]\ntrain: x')).toMatchObject({
    splits: [{ path: 'x' }],
    fault: 'Map keys must be unique at line 2, column 1',
  });
  expect(readYoloYaml('names: [a, b')).toMatchObject({
    names: ['a', 'b'],
    fault: expect.stringContaining('line 1, column 13') as string,
  });
});

test('a yaml bomb is refused', () => {
  const bomb = [
    'a: &a [x, x]',
    ...[...'bcdefghij'].map((k, i) => `${k}: &${k} [${`*${'abcdefghi'[i]},`.repeat(9)}]`),
  ];
  expect(() => readYoloYaml(`${bomb.join('\n')}\nnames: *j`)).toThrow(/alias/i);
});

test('obj.data and class lists', () => {
  expect(readDarknetSplits('classes = 1\ntrain = data/train.txt\r\nvalid=data/a=b.txt\nnames=x')).toEqual([
    { key: 'train', split: 'train', path: 'data/train.txt' },
    { key: 'valid', split: 'val', path: 'data/a=b.txt' },
  ]);
  expect(readClassList('a \n\nb\r\n\n')).toEqual(['a', '', 'b']);
});
