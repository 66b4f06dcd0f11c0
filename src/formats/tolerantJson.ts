// JSON as Python writes it: NaN and Infinity are taken, whole numbers that JavaScript can't hold stay exact (bigint).
// Source: RFC 8259; Python's json.dump with allow_nan=True.

import { DatasetError } from '../errors/index.ts';

export const FILE_START: TextPlace = { line: 1, column: 1 };
const MAX_DEPTH = 200;
const LONG_INTEGER = /[:[,\s]-?\d{16,}(?![\d.eE])/;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
];

/** A place in a file: counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/**
 * Parse JSON; objects have no prototype-changing keys (`__proto__` is an ordinary key).
 * @param file named in errors
 * @param start where in the file the text begins
 * @returns plain values; whole numbers beyond 2^53 are bigint.
 * @throws DatasetError `bad-json` with line and column
 */
export function parseTolerantJson(text: string, file: string, start: TextPlace = FILE_START): unknown {
  if (!LONG_INTEGER.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The slow reader below either takes it or tells where it is broken.
    }
  }
  return new Reader(text, file, start).document();
}

/** Where a text ends that begins at `start`. */
export function placeAfter(start: TextPlace, text: string): TextPlace {
  let [lines, lastBreak] = [0, -1];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines += 1;
    lastBreak = at;
  }
  const column = lines === 0 ? start.column + text.length : text.length - lastBreak;
  return { line: start.line + lines, column };
}

class Reader {
  readonly #text: string;
  readonly #file: string;
  readonly #start: TextPlace;
  #at = 0;

  constructor(text: string, file: string, start: TextPlace) {
    this.#text = text;
    this.#file = file;
    this.#start = start;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('the end of the file');
    return value;
  }

  #value(depth: number): unknown {
    this.#space();
    if (depth > MAX_DEPTH) throw this.#error(`at most ${MAX_DEPTH} levels`);
    const char = this.#text[this.#at];
    if (char === '{') return this.#object(depth);
    if (char === '[') return this.#array(depth);
    if (char === '"') return this.#string();
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#number();
  }

  #object(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    this.#list('}', () => {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#error('a key in quotes');
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#error('":"');
      this.#at++;
      entries.push([key, this.#value(depth + 1)]);
    });
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#list(']', () => items.push(this.#value(depth + 1)));
    return items;
  }

  #list(close: string, item: () => void): void {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      this.#space();
      const char = this.#text[this.#at];
      if (char !== ',' && char !== close) throw this.#error(`"," or "${close}"`);
      this.#at++;
      if (char === close) return;
    }
  }

  #string(): string {
    const start = this.#at;
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char === '\\') this.#at++;
      else if (char === '"') {
        this.#at++;
        try {
          return JSON.parse(this.#text.slice(start, this.#at)) as string;
        } catch {
          this.#at = start;
          throw this.#error('a string without control characters or broken escapes');
        }
      }
    }
    throw this.#error('a closing quote');
  }

  #number(): number | bigint {
    const pattern = /-?\d+(\.\d*)?([eE][+-]?\d+)?/y;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw this.#error('a value');
    this.#at += match[0].length;
    const value = Number(match[0]);
    const isWhole = match[1] === undefined && match[2] === undefined;
    return isWhole && !Number.isSafeInteger(value) ? BigInt(match[0]) : value;
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #error(expected: string): DatasetError {
    const { line, column } = placeAfter(this.#start, this.#text.slice(0, this.#at));
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const got = rest === '' ? 'the end of the file (is it cut off?)' : JSON.stringify(rest);
    return new DatasetError(
      `${this.#file} is not valid JSON: line ${line}, column ${column} must have ${expected}, got ${got}`,
      { code: 'bad-json', path: this.#file },
    );
  }
}
