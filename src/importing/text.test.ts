import { describe, expect, test } from 'vitest';
import { decodeText } from './text.ts';

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
