import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { evaluateText } from './evaluate.ts';
import { dictKeys, isFloatEntry, Opaque, type PlainDict } from './plain.ts';
import { plainRepr } from './plainRepr.ts';
import { sourceOf } from './sourceMap.ts';

interface Golden {
  readonly cases: readonly { readonly text: string; readonly repr: string }[];
}
const golden = JSON.parse(readFileSync(new URL('__golden__/python.json', import.meta.url), 'utf8')) as Golden;

const run = (text: string): PlainDict => {
  const { value, diagnostics } = evaluateText(text, { file: 'main.py' });
  expect(diagnostics).toEqual([]);
  return value;
};
/** Each diagnostic as `line:column code: message | hint`. */
const complaints = (text: string): string[] =>
  evaluateText(text, { file: 'main.py' }).diagnostics.map(
    ({ span, code, message, hint }) =>
      `${span.line}:${span.column} ${code}: ${message}${hint ? ` | ${hint}` : ''}`,
  );

describe('evaluate: the same values as CPython', () => {
  test.each(golden.cases)('$text', ({ text, repr }) => {
    const value = run(text);
    for (const key of Object.keys(value)) if (value[key] instanceof Opaque) delete value[key];
    expect(plainRepr(value)).toBe(repr);
  });
});

describe('evaluate: places and kinds of values', () => {
  test('every entry knows where its value was written', () => {
    const text = 'model = dict(\n    depth=18,\n    sizes=[1, (2, 3)])\n';
    const value = run(text);
    const model = value.model as PlainDict;
    const at = (container: object, key: string | number): string => {
      const span = sourceOf(container, key)?.span;
      return span ? `${span.line}:${span.column} ${text.slice(span.from, span.to)}` : 'nowhere';
    };
    expect(at(model, 'depth')).toBe('2:11 18');
    expect(at(model.sizes as object, 1)).toBe('3:15 (2, 3)');
    expect(at(value, 'model').startsWith('1:9 dict(')).toBe(true);
  });

  test('a value used through a variable keeps the place of its parts', () => {
    const value = run("norm = dict(type='BN')\nmodel = dict(norm_cfg=norm)\nmodel.update(depth=3)\n");
    const model = value.model as PlainDict;
    expect(sourceOf(model, 'norm_cfg')?.span.line).toBe(2);
    expect(sourceOf(model.norm_cfg as object, 'type')?.span.line).toBe(1);
    expect(sourceOf(model, 'depth')?.span.line).toBe(3);
  });

  test('floats are told from ints, and ints stay exact', () => {
    const value = run('a = dict(x=1.0, y=1, z=2**60)\n').a as PlainDict;
    expect([isFloatEntry(value, 'x'), isFloatEntry(value, 'y')]).toEqual([true, false]);
    expect(value.z).toBe(1152921504606846976n);
  });

  test('key order is kept even for integer-like keys, and odd keys are plain data', () => {
    const value = run("a = {'b': 1, '2': 2, '1': 3}\nc = dict(__proto__=1, constructor=2)\n");
    expect(dictKeys(value.a as PlainDict)).toEqual(['b', '2', '1']);
    expect(Object.getPrototypeOf(value.c)).toBe(Object.prototype);
    expect(Object.hasOwn(value.c as object, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('evaluate: diagnostics', () => {
  test('several independent mistakes show at once, and what depends on them stays quiet', () => {
    expect(complaints('m = dict(a=und1, b=[und2, 1 / 0], c=true)\nn = m\nk = [1][3]\n'))
      .toMatchInlineSnapshot(`
      [
        "1:12 unknown-name: the name 'und1' must be defined before it is used, but it is not | if it is meant as text, put quotes around it: 'und1'",
        "1:21 unknown-name: the name 'und2' must be defined before it is used, but it is not | if it is meant as text, put quotes around it: 'und2'",
        "1:27 division-by-zero: division by zero",
        "1:37 unknown-name: the name 'true' must be defined before it is used, but it is not | did you mean True?",
        "3:5 index-out-of-range: the index must lie within the 1 entries of the list, but it is 3",
      ]
    `);
  });

  test.each([
    ['a = [1, 2\nb = 3\n', "1:5 syntax: '[' must be closed, but it never is | add ']'"],
    ['a = dict(x=1 y=2)\n', "1:12 syntax: '1' must be followed by a comma or a closing bracket | add ','"],
    ["a = 'abc\n", "1:5 syntax: a string opened with ' must be closed, but it never is | add ' at its end, or use ''' for several lines"], // prettier-ignore
    ['a = dict(x=1, x=2)\n', "1:15 syntax: the keyword argument 'x' must be given once, but it is repeated"],
    ['a = 1\n  b = 2\n', '2:1 syntax: this line must be indented by 0 spaces, but it has 2'],
    [
      "a = dict(lr=1)['Lr']\n",
      "1:5 missing-key: the key 'Lr' must be in the dict, but it has 'lr' | did you mean 'lr'?",
    ],
    ['a = [1].apend(2)\n', "1:9 unknown-attribute: a list has no attribute 'apend' | did you mean 'append'?"],
    ["a = 'x' + 1\n", "1:5 wrong-type: '+' can not join str and int | turn the other into text with str(…)"],
  ])('%j', (text, complaint) => {
    expect(complaints(text)).toEqual([complaint]);
  });

  test.each([
    ["a = 'x' * 10**9", 'too-large'],
    ['a = [0] * 10**9', 'too-many-steps'],
    ['a = 10**10**10', 'too-large'],
    ['while True: pass', 'too-many-steps'],
    ['a = [1]\nfor i in range(40): a = [a, a]', 'too-large'],
    ['a = []\na.append(a)', 'too-deep'],
    ['def f(): return f()\na = f()', 'too-deep'],
    [`a = ${'['.repeat(400)}${']'.repeat(400)}`, 'too-deep'],
    ["a = eval('1')", 'unknown-name'],
    ['a = ().__class__', 'unknown-attribute'],
  ])('is bounded and safe: %j', (text, code) => {
    expect(evaluateText(text, { file: 'a.py' }).diagnostics[0]?.code).toBe(code);
  });

  test('no mangled text makes it throw', () => {
    const text = "a = dict(x=[1, (2,)], **{'k': f'{3:03d}'})\nfor i in range(3):\n    b = [j for j in 'ab' if not i]\ntry:\n    c = a['x'][0:2]\nexcept KeyError: pass\n"; // prettier-ignore
    const pieces = ['(', ')', '[', ']', '{', '}', ',', ':', '=', '\n', '    ', "'", '"', 'f"', 'if ', 'for ', '*', '.', '\\', '"""', 'lambda ', '\0', 'é']; // prettier-ignore
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    for (let i = 0; i < 800; i++) {
      let mangled = text;
      for (let k = 0; k <= random(4); k++) {
        const at = random(mangled.length);
        mangled = mangled.slice(0, at) + pieces[random(pieces.length)] + mangled.slice(at + random(6));
      }
      expect(() => evaluateText(mangled, { file: 'a.py' }), mangled).not.toThrow();
    }
  });
});
