// Where runs are written: whether that can be a folder is known before one begins.

import { expect, test } from 'vitest';
import { planText } from './testing/planText.ts';

test.each([
  ['out.txt', "work_dir must name a folder, but 'out.txt' is a file", "write another work_dir, or rename 'out.txt'"],
  ['out.txt/a/b', "work_dir must name a folder, but 'out.txt' in 'out.txt/a/b' is a file", "write another work_dir, or rename 'out.txt'"],
  ['../out', "work_dir can't be used: ", undefined],
])('work_dir = %s is told once, at its place', async (folder, message, hint) => {
  const text = `load_from = 'a.pth'\nauto_resume = True\nwork_dir = '${folder}'`;
  const { problems, secondsPerIter } = await planText(text, { 'out.txt': 'x', 'a.pth': 'x' });
  expect(problems).toEqual([
    expect.objectContaining({
      severity: 'error',
      path: 'work_dir',
      message: expect.stringContaining(message) as string,
      hint,
      span: expect.objectContaining({ line: 4 }) as object,
    }),
  ]);
  expect(secondsPerIter).toBeNull();
}); // prettier-ignore

test('a folder that is there, or can be made, is none; evaluating writes no run', async () => {
  for (const folder of ['out', 'out/new/one', ''])
    expect((await planText(`work_dir = '${folder}'`, { 'out/a.txt': 'x' })).problems).toEqual([]);
  const tested = await planText("work_dir = 'out.txt'", { 'out.txt': 'x' }, { purpose: 'test' });
  expect(tested.problems.filter(({ path }) => path === 'work_dir')).toEqual([]);
  expect((await planText('', { work_dirs: 'x' })).problems).toEqual([
    expect.objectContaining({
      message: "work_dir must name a folder, but 'work_dirs' in 'work_dirs/mine' is a file",
    }),
  ]);
});
