import { expect, test } from 'vitest';
import { previousGpuCount } from './previousGpus.ts';

test('the number of gpu_ids in the text of a config', () => {
  expect(previousGpuCount("model = dict(type='RetinaNet')\ngpu_ids = range(0, 8)\n")).toBe(8);
  expect(previousGpuCount('gpu_ids = [0, 1]')).toBe(2);
  expect(previousGpuCount('gpu_ids = range(0, 10 ** 9)')).toBe(1e9);
});

test('what tells no number is null, and never an error', () => {
  const texts = [
    '',
    'gpu_ids = None',
    'gpu_ids = 4',
    'gpu_ids = []',
    'gpu_ids = (',
    '# gpu_ids',
    'gpu_ids = range(1, 0)',
  ];
  for (const text of [...texts, undefined, 7, 'x = 1\n', `gpu_ids = [0]\n${'#'.repeat(1_000_000)}`])
    expect(previousGpuCount(text)).toBeNull();
  const endless = 'gpu_ids = [0, 1]\nx = [i for i in range(10 ** 9)]';
  expect([null, 2]).toContain(previousGpuCount(endless));
});
