import { expect, test } from 'vitest';
import { classesOfMeta, classProblems, isReordered } from './weightClasses.ts';

const weights = (classes: readonly string[] | null, mustMatch = true) => ({
  path: 'a.pth',
  classes,
  mustMatch,
});

test('the same names in another order are mapped; other names are an error, or a warning of load_from that names both', () => {
  expect(isReordered(['b', 'a'], ['a', 'b'])).toBe(true);
  expect(isReordered(['a', 'b'], ['a', 'b'])).toBe(false);
  expect(isReordered(['a', 'c'], ['a', 'b'])).toBe(false);
  expect(classProblems(weights(['b', 'a']), ['a', 'b'])).toEqual([]);
  expect(classProblems(weights(null), ['a', 'b'])).toEqual([]);
  expect(classProblems(weights(['a', 'c']), ['a', 'b'])).toMatchObject([
    { severity: 'error', message: 'the weights of a.pth are of the classes a, c, but the data has a, b' },
  ]);
  expect(classProblems(weights(['a'], false), ['a', 'b'])).toMatchObject([{ severity: 'warning' }]);
});

test('a meta without a list of names tells no classes', () => {
  expect(classesOfMeta(new Map([['CLASSES', ['a', 'b']]]))).toEqual(['a', 'b']);
  for (const CLASSES of [null, [], 'a', [1]])
    expect(classesOfMeta(new Map([['CLASSES', CLASSES]]))).toBeNull();
});
