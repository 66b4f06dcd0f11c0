// JSON as Python's json module reads it (NaN and Infinity allowed, the last of equal keys wins), with the place of
// every value. JSON.parse tells neither the places nor an int from a float.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { type PlainDict, setEntry } from '../lang/plain.ts';
import { setSource } from '../lang/sourceMap.ts';
import { at as itemAt } from '../util/at.ts';

const MAX_DEPTH = 200;

class JsonError extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** @returns the value, or the one error that stopped reading */
export function parseJson(
  text: string,
  spanOf: (from: number, to: number) => Span,
): { readonly value: unknown } | { readonly error: Diagnostic } {
  try {
    return { value: new Reader(text, spanOf).document() };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return {
      error: {
        severity: 'error',
        code: 'bad-json',
        message: error.message,
        span: spanOf(error.at, error.at + 1),
      },
    };
  }
}

interface Entry {
  readonly value: unknown;
  readonly from: number;
  readonly to: number;
  readonly isFloat: boolean;
}

class Reader {
  readonly #text: string;
  readonly #spanOf: (from: number, to: number) => Span;
  #at = 0;
  #depth = 0;

  constructor(text: string, spanOf: (from: number, to: number) => Span) {
    this.#text = text;
    this.#spanOf = spanOf;
  }

  document(): unknown {
    const { value } = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('the JSON text must end after its value, but more follows');
    return value;
  }

  #fail(message: string): never {
    throw new JsonError(message, this.#at);
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #found(): string {
    const char = this.#text[this.#at];
    return char === undefined ? 'the end of the text' : `'${char}'`;
  }

  #value(): Entry {
    this.#space();
    const from = this.#at;
    const done = (value: unknown, isFloat = false): Entry => {
      const to = this.#at;
      if (typeof value === 'object' && value !== null)
        setSource(value, null, { span: this.#spanOf(from, to) });
      return { value, from, to, isFloat };
    };
    const char = this.#text[from];
    if (char === '{' || char === '[') {
      if (++this.#depth > MAX_DEPTH) this.#fail(`JSON must be nested at most ${MAX_DEPTH} deep`);
      const value = char === '{' ? this.#object() : this.#array();
      this.#depth -= 1;
      return done(value);
    }
    if (char === '"') return done(this.#string());
    const word = /^(?:true|false|null|NaN|-?Infinity)/.exec(this.#text.slice(from, from + 9))?.[0];
    if (word !== undefined) {
      this.#at += word.length;
      if (word === 'NaN' || word.endsWith('Infinity')) return done(Number(word), true);
      return done(word === 'null' ? null : word === 'true');
    }
    const number = /^-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/.exec(this.#text.slice(from, from + 5000));
    if (!number) this.#fail(`a JSON value is expected here, but found ${this.#found()}`);
    this.#at += number[0].length;
    if (number[1] !== undefined || number[2] !== undefined) return done(Number(number[0]), true);
    const int = Number(number[0]);
    return done(Number.isSafeInteger(int) ? int + 0 : BigInt(number[0]));
  }

  #put(container: object, key: string | number, entry: Entry, keySpan?: Span): void {
    const span = this.#spanOf(entry.from, entry.to);
    setSource(container, key, { span, keySpan, ...(entry.isFloat ? { isFloat: true } : {}) });
  }

  #object(): PlainDict {
    const dict: PlainDict = {};
    this.#list('}', () => {
      this.#space();
      if (this.#text[this.#at] !== '"')
        this.#fail(`a key in double quotes is expected here, but found ${this.#found()}`);
      const from = this.#at;
      const key = this.#string();
      const keySpan = this.#spanOf(from, this.#at);
      this.#space();
      if (this.#text[this.#at] !== ':') this.#fail(`':' is expected after a key, but found ${this.#found()}`);
      this.#at += 1;
      const entry = this.#value();
      setEntry(dict, key, entry.value);
      this.#put(dict, key, entry, keySpan);
    });
    return dict;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#list(']', () => {
      const entry = this.#value();
      this.#put(array, array.length, entry);
      array.push(entry.value);
    });
    return array;
  }

  #list(close: string, item: () => void): void {
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      item();
      this.#space();
      const char = this.#text[this.#at];
      if (char !== ',' && char !== close)
        this.#fail(`',' or '${close}' is expected here, but found ${this.#found()}`);
      this.#at += 1;
      if (char === close) return;
    }
  }

  #string(): string {
    const from = this.#at;
    for (let i = from + 1; i < this.#text.length; i++) {
      const char = itemAt(this.#text, i);
      if (char === '\\') i += 1;
      else if (char < ' ') break;
      else if (char === '"') {
        this.#at = i + 1;
        try {
          return JSON.parse(this.#text.slice(from, i + 1)) as string;
        } catch {
          this.#at = from;
          this.#fail('a string must use only the escapes that JSON knows');
        }
      }
    }
    this.#fail('a string must be closed with a double quote on its own line');
  }
}
