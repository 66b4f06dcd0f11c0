import { describe, expect, test } from 'vitest';
import { Tuple } from '../util/tuple.ts';
import { unmetKind, type ArgKind } from './argKinds.ts';

describe('unmetKind', () => {
  const accepted: [unknown, ArgKind][] = [
    [3, 'int'],
    [-1, 'int'],
    [1, 'positive int'],
    [0.5, 'number'],
    [0.5, 'positive number'],
    ['.log', 'str or strs'],
    [Tuple.of('.log', '.py'), 'str or strs'],
    [false, 'bool'],
    [true, 'flag'],
    [0, 'flag'],
    [null, 'flag?'],
    ['a', 'str'],
    [{}, 'dict'],
    [Tuple.of(0, 1), 'ints'],
    [[], 'numbers'],
    ['a', 'str or strs'],
    [Tuple.of('a'), 'str or strs'],
    [[Tuple.of(3, 1)], 'int pairs'],
    [null, 'dict?'],
    [undefined, 'int'],
  ];
  test.each(accepted)('%j is fine as %s', (value, kind) => {
    expect(unmetKind(value, kind)).toBeNull();
  });

  const refused: [unknown, ArgKind, string][] = [
    ['3', 'int', 'a whole number'],
    [2.5, 'int', 'a whole number'],
    [0, 'positive int', 'a whole number of at least 1'],
    [NaN, 'number', 'a number'],
    [0, 'positive number', 'a number greater than 0'],
    [['a', 1], 'str or strs', 'a string or a list or tuple of strings'],
    [1, 'bool', 'True or False'],
    ['False', 'flag', 'True or False'],
    [2, 'flag?', 'True or False or None'],
    [[], 'dict', 'a dict'],
    [null, 'dict', 'a dict'],
    [3, 'ints', 'a list or tuple of whole numbers'],
    [[0], 'positive ints', 'a list or tuple of whole numbers of at least 1'],
    [['a'], 'numbers', 'a list or tuple of numbers'],
    [3, 'str?', 'a string or None'],
    [[1], 'str or strs', 'a string or a list or tuple of strings'],
    [3, 'int pairs', 'a list of tuples of two whole numbers'],
    [[[3, 1]], 'int pairs', 'a list of tuples of two whole numbers'],
    [Tuple.of(Tuple.of(3, 1)), 'int pairs', 'a list of tuples of two whole numbers'],
    [[Tuple.of(3)], 'int pairs', 'a list of tuples of two whole numbers'],
    [[Tuple.of(3, 0.5)], 'int pairs', 'a list of tuples of two whole numbers'],
  ];
  test.each(refused)('%j is refused as %s', (value, kind, words) => {
    expect(unmetKind(value, kind)).toBe(words);
  });
});
