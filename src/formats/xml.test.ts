import { describe, expect, test } from 'vitest';
import { at } from '../util/at.ts';
import { parseXml, XmlSyntaxError } from './xml.ts';

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
