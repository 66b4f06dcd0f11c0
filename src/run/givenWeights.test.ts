import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { shortRun } from './testing/shortRun.ts';

await testAdapter();

test.each([
  ['is not there', 'workspace/absent.pth', /absent\.pth/],
  ['is no checkpoint', 'workspace/configs/learn/short_run.py', /short_run\.py/],
])('a load_from that %s fails the run at its key, by its name', async (_, file, named) => {
  const text = `_base_ = './short_run.py'\nload_from = '${file}'\n`;
  await expect(shortRun('configs/learn/given.py', { 'configs/learn/given.py': text })).rejects.toMatchObject({
    message: expect.stringMatching(named) as unknown,
    path: 'load_from',
    span: { file: 'workspace/configs/learn/given.py', line: 2 },
  });
});
