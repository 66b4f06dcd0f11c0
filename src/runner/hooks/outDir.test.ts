import { expect, test } from 'vitest';
import { checkpointDir } from './outDir.ts';

test.each([
  [null, 'work_dirs/a'],
  [undefined, 'work_dirs/a'],
  ['', 'work_dirs/a'],
  ['work_dirs/a', 'work_dirs/a'],
  ['./work_dirs/a/', 'work_dirs/a'],
  ['work_dirs', 'work_dirs/a'],
  ['out', 'out/a'],
  ['out/', 'out/a'],
])('out_dir=%j puts the checkpoints of work_dirs/a into %s', (outDir, wanted) => {
  expect(checkpointDir('work_dirs/a', outDir)).toBe(wanted);
});
