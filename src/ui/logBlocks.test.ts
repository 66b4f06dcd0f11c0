import { expect, test } from 'vitest';
import { BLOCK_LINES, toLogBlocks } from './logBlocks.ts';
import { at } from '../util/at.ts';

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}`);

test('the blocks together are the log, line by line', () => {
  const lines = numbered(0, 2 * BLOCK_LINES + 7);
  const blocks = toLogBlocks(lines, 0);
  expect(blocks.map(({ id }) => id)).toEqual([0, 1, 2]);
  expect(blocks.map(({ text }) => text).join('')).toBe(`${lines.join('\n')}\n`);
  expect(toLogBlocks([], 40)).toEqual([]);
});

test('a line more changes the last block only, also when a line at the start is dropped for it', () => {
  const before = toLogBlocks(numbered(0, 250), 0);
  const after = toLogBlocks(numbered(1, 251), 1);
  expect(after.map(({ id }) => id)).toEqual([0, 1, 2]);
  expect(after[1]).toEqual(before[1]);
  expect(at(after, 2).text).toBe(`${at(before, 2).text}line 250\n`);
  expect(toLogBlocks(['a', 'b'], BLOCK_LINES - 1)).toEqual([
    { id: 0, text: 'a\n' },
    { id: 1, text: 'b\n' },
  ]);
});
