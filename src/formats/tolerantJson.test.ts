import { describe, expect, test } from 'vitest';
import { parseTolerantJson } from './tolerantJson.ts';

describe('parseTolerantJson', () => {
  const parse = (text: string): unknown => parseTolerantJson(text, 'a.json');

  test('takes what Python writes: NaN, Infinity, and long integers exactly', () => {
    expect(parse('{"a": [NaN, Infinity, -Infinity, -1.5e2, true, null, "x\\u00e9"]}')).toEqual({
      a: [NaN, Infinity, -Infinity, -150, true, null, 'xé'],
    });
    expect(parse('[9007199254740993, 0.5000000000000000, "12345678901234567"]')).toEqual([
      9007199254740993n,
      0.5,
      '12345678901234567',
    ]);
    expect(Object.keys(parse('{"__proto__": {"x": NaN}}') as object)).toEqual(['__proto__']);
  });

  test('names the place of what is broken', () => {
    expect(() => parse('{"a": 1,\n "b": }')).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: a.json is not valid JSON: line 2, column 7 must have a value, got "}"]`,
    );
    expect(() => parse('[1, 2')).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: a.json is not valid JSON: line 1, column 6 must have "," or "]", got the end of the file (is it cut off?)]`,
    );
    expect(() => parse(`[NaN, ${'['.repeat(5000)}`)).toThrow(/at most 200 levels/);
  });
});
