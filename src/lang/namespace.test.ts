// Expected values: what Python 3.11 gives for the same text.
import { expect, test } from 'vitest';
import { evaluateText } from './evaluate.ts';

function valuesOf(text: string): Record<string, unknown> {
  const { value, diagnostics } = evaluateText(text, { file: 'a.py' });
  expect(diagnostics).toEqual([]);
  return { ...value };
}

test('globals() and locals() are the names themselves: entries that are set or deleted are names', () => {
  const text = `
globals()['x'] = 1
globals().update(y=x + 1)
locals()['z'] = y + 1
vars()['gone'] = 0
del globals()['gone']
found = 'x' in globals() and globals().get('none') is None
def f(a):
    locals()['a'] = 5
    return a
kept = f(4)
`;
  expect(valuesOf(text)).toMatchObject({ x: 1, y: 2, z: 3, found: true, kept: 4 });
  expect(valuesOf(text)).not.toHaveProperty('gone');
});

test('methods of types: class methods, and methods that are given their value', () => {
  const text = `
d = dict.fromkeys(['a', 'b'], 0)
n = dict.fromkeys('ab')
h = float.fromhex('-0x1.8p1')
i = [int.from_bytes(b'\\x01\\x00', 'big'), int.from_bytes(b'\\xff', 'little', signed=True)]
s = [str.join(',', ['a', 'b']), str.upper('abc'), list(map(str.strip, [' a ']))]
k = bytes.fromhex('00 ff') == b'\\x00\\xff'
`;
  expect(valuesOf(text)).toMatchObject({
    d: { a: 0, b: 0 },
    n: { a: null, b: null },
    h: -3,
    i: [256, -1],
    s: ['a,b', 'ABC', ['a']],
    k: true,
  });
});

test('a method of a type with a value of another type is refused', () => {
  const { diagnostics } = evaluateText("a = str.upper(3)\nb = dict.fromkey('a')\n", { file: 'a.py' });
  expect(diagnostics.map(({ message, hint }) => [message, hint])).toEqual([
    ['str.upper() needs a str as its first value, but got a int', undefined],
    ["a type has no attribute 'fromkey'", undefined],
  ]);
});
