// Decoding of Python string literals: prefixes, quotes, escapes.

import { PyError } from './pyError.ts';

export interface StringToken {
  readonly isRaw: boolean;
  readonly isBytes: boolean;
  readonly isFormat: boolean;
  /** Length of prefix plus opening quotes. */
  readonly openLength: number;
  readonly quote: string;
}

/** Read the prefix and the quotes of a literal's source text. */
export function readStringToken(source: string): StringToken {
  const match = /^([a-zA-Z]*)('''|"""|'|")/.exec(source) ?? ['', '', '"'];
  const prefix = match[1].toLowerCase();
  return {
    isRaw: prefix.includes('r'),
    isBytes: prefix.includes('b'),
    isFormat: prefix.includes('f'),
    openLength: match[0].length,
    quote: match[2],
  };
}

/** Tell whether a literal's source ends with its own, unescaped closing quotes. */
export function isClosed(source: string, token: StringToken): boolean {
  const { openLength, quote } = token;
  if (source.length < openLength + quote.length || !source.endsWith(quote)) return false;
  let backslashes = 0;
  for (let i = source.length - quote.length - 1; i >= openLength && source[i] === '\\'; i--) backslashes += 1;
  return backslashes % 2 === 0;
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Decode the escapes of a non-raw literal's body. Unknown escapes keep their backslash, as in Python. */
export function decodeEscapes(body: string, isBytes: boolean): string {
  if (!body.includes('\\')) return body;
  return body.replace(
    /\\(\r\n|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|[\s\S])/g,
    (whole, escape: string) => {
      if (escape === '\r\n') return '';
      const simple = SIMPLE[escape];
      if (simple !== undefined) return simple;
      const kind = escape[0];
      if (/^[0-7]/.test(escape)) return String.fromCodePoint(parseInt(escape, 8) & (isBytes ? 0xff : 0x1ff));
      if (kind === 'x' && escape.length === 3) return String.fromCodePoint(parseInt(escape.slice(1), 16));
      if (isBytes) return whole;
      if ((kind === 'u' && escape.length === 5) || (kind === 'U' && escape.length === 9)) {
        const code = parseInt(escape.slice(1), 16);
        if (code > 0x10ffff) throw new PyError('SyntaxError', `'${whole}' must be a code point up to 10ffff`);
        return String.fromCodePoint(code);
      }
      if (kind === 'x' || kind === 'u' || kind === 'U') {
        throw new PyError('SyntaxError', `'${whole}' must be followed by hexadecimal digits`, {
          hint: "write a backslash twice, or put r before the string: r'…'",
        });
      }
      if (kind === 'N')
        throw new PyError('SyntaxError', "'\\N{…}' is not supported here, write the character itself");
      return whole;
    },
  );
}

/** Turn the source of a plain (not formatted) literal into its value. */
export function decodeString(source: string): { value: string; isBytes: boolean } {
  const token = readStringToken(source);
  if (!isClosed(source, token)) {
    throw new PyError('SyntaxError', `a string opened with ${token.quote} must be closed, but it is not`, {
      hint:
        token.quote.length === 1
          ? `add ${token.quote} at its end, or use ${token.quote.repeat(3)} for several lines`
          : `add ${token.quote} at its end`,
    });
  }
  const body = source.slice(token.openLength, source.length - token.quote.length).replace(/\r\n?/g, '\n');
  return { value: token.isRaw ? body : decodeEscapes(body, token.isBytes), isBytes: token.isBytes };
}
