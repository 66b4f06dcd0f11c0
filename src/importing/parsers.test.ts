import { describe, expect, test } from 'vitest';
import { decodeText } from './text.ts';
import { parseTolerantJson } from '../formats/tolerantJson.ts';
import { parseXml, XmlSyntaxError } from '../formats/xml.ts';
import { parseYoloLabels } from './yoloLabels.ts';
import { at } from '../util/at.ts';

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

describe('parseXml', () => {
  test('reads elements, text, CDATA and entities; a DOCTYPE is passed over and never expanded', () => {
    const root = parseXml(
      '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a x="1 > 0"><b/> <c>1 &lt; 2 &#x41;<![CDATA[<&]]></c>&b;<!-- <d> --></a>',
    );
    expect(root.children.map((c) => c.tag)).toEqual(['b', 'c']);
    expect(at(root.children, 1).text).toBe('1 < 2 A<&');
    expect(root.text).toBe('&b;');
  });

  test.each([
    ['<a><b></a>', /<\/a> closes <b>/],
    ['<a><b>', /never closed/],
    ['<a><b', /cut off/],
    ['', /one root element/],
    ['<a/><b/>', /one root element/],
    ['text', /one root element/],
    ['<a>'.repeat(100), /64 levels/],
  ])('refuses %j', (text, reason) => {
    expect(() => parseXml(text)).toThrow(XmlSyntaxError);
    expect(() => parseXml(text)).toThrow(reason);
  });

  test('a hostile text takes no long', () => {
    const started = performance.now();
    for (const piece of ['<a ', '<!DOCTYPE [', '<a x="', '<!--', '<![CDATA[', '<?'])
      expect(() => parseXml(piece.repeat(20_000))).toThrow(XmlSyntaxError);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('parseYoloLabels', () => {
  const codes = (text: string): string[] => parseYoloLabels(text).findings.map((f) => f.code);

  test('reads boxes as fractions, corner first', () => {
    expect(parseYoloLabels('1 0.5 0.5 0.25 0.5\r\n\r\n# note\n2.0\t.5 .5 1 1\n').boxes).toEqual([
      { klass: '1', bbox: [0.375, 0.25, 0.25, 0.5] },
      { klass: '2.0', bbox: [0, 0, 1, 1] },
    ]);
    expect(parseYoloLabels('')).toEqual({ boxes: [], findings: [] });
  });

  test('class names may have spaces, polygons become boxes, a confidence is ignored', () => {
    expect(at(parseYoloLabels('red cell 0.5 0.5 0.5 0.5').boxes, 0).klass).toBe('red cell');
    expect(at(parseYoloLabels('0 0.25 0.25 0.5 0.25 0.5 0.75').boxes, 0).bbox).toEqual([
      0.25, 0.25, 0.25, 0.5,
    ]);
    expect(codes('0 0.25 0.25 0.5 0.25 0.5 0.75')).toEqual(['polygon']);
    expect(codes('0 0.5 0.5 0.1 0.1 0.9')).toEqual(['confidence-column']);
    expect(codes('0, 0.5, 0.5, 0.1, 0.1')).toEqual(['comma-separated']);
    expect(codes('0 nan 0.5 0.1 0.1')).toEqual(['not-a-number']);
  });

  test('one bad line is dropped by number; a file of bad lines is refused with the first', () => {
    expect(parseYoloLabels('0 0.5 0.5 0.1 0.1\n0 12 30 44 50')).toMatchObject({
      boxes: [{}],
      findings: [{ code: 'bad-line', line: 2 }],
    });
    expect(parseYoloLabels('0 12 30 44 50').refusal).toMatchInlineSnapshot(
      `"not YOLO boxes: line 1 has the value 12, it needs fractions of the picture (0 to 1): "0 12 30 44 50""`,
    );
    expect(parseYoloLabels('0 0,5 0,5 0,1 0,1').refusal).toMatch(/decimal commas/);
    expect(parseYoloLabels('0 0.5 0.5').refusal).toMatch(/has 3 columns, it needs 5/);
  });
});

describe('decodeText', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  test('by byte order mark, by declaration, as UTF-8, else as Latin-1', () => {
    expect(decodeText(bytes(0xef, 0xbb, 0xbf, 0x61))).toEqual({
      text: 'a',
      encoding: 'utf-8',
      isGuessed: false,
    });
    expect(decodeText(bytes(0xff, 0xfe, 0x61, 0)).text).toBe('a');
    expect(decodeText(bytes(0x61, 0, 0x62, 0)).text).toBe('ab');
    expect(decodeText(bytes(0xc3, 0xbc)).text).toBe('ü');
    expect(decodeText(bytes(0x61, 0xfc))).toEqual({ text: 'aü', encoding: 'latin-1', isGuessed: true });
    const declared = new TextEncoder().encode('<?xml version="1.0" encoding="ISO-8859-2"?>');
    expect(decodeText(bytes(...declared, 0xb1)).text).toMatch(/ą$/);
  });
});
