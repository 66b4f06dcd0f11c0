// Spans of one text, many times: line starts are found once.

import type { Span } from '../errors/span.ts';
import { at } from '../util/at.ts';

/** Makes spans of one file. */
export class LineIndex {
  readonly file: string;
  readonly #length: number;
  readonly #starts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.#length = text.length;
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) this.#starts.push(i + 1);
  }

  /** The span of offsets [from, to), clamped to the text. */
  span(from: number, to: number): Span {
    const start = Math.min(Math.max(0, from), this.#length);
    const end = Math.min(Math.max(start, to), this.#length);
    const a = this.#line(start);
    const b = this.#line(end);
    return {
      file: this.file,
      from: start,
      to: end,
      line: a + 1,
      column: start - at(this.#starts, a) + 1,
      endLine: b + 1,
      endColumn: end - at(this.#starts, b) + 1,
    };
  }

  #line(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (at(this.#starts, middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
