// Reads a JSON object with long arrays piece by piece: neither the text nor all values are ever in memory at once.

import type { FileSystem } from '../contracts/fileSystem.ts';
import { DatasetError } from '../errors/index.ts';
import { FILE_START, parseTolerantJson, placeAfter, type TextPlace } from './tolerantJson.ts';

/** Read at once, bytes. */
const CHUNK_BYTES = 4 * 2 ** 20;
/** Items are parsed together from this many characters on. */
const BATCH_CHARS = 2 ** 18;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];
const [OPEN_BRACKET, CLOSE_BRACKET] = [0x5b, 0x5d];

/**
 * Takes some items of an array at the root's `key`.
 * @param first index of the first of them in that array
 */
export type TakeItems = (key: string, items: readonly unknown[], first: number) => void;

/** What a file is, beside the items that were handed out. */
export interface JsonRoot {
  /** Of the whole document. */
  readonly kind: 'object' | 'array' | 'other';
  /** Items in each of the root's arrays. */
  readonly counts: ReadonlyMap<string, number>;
  /** The root's other values. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Read a JSON file whose root is an object, and hand out the items of its arrays in the order of the file, some at a
 * time. A root that is something else ends the reading.
 * @throws DatasetError `bad-json` with line and column, or where a key comes twice; StorageError `not-found`
 * @example await readJsonArrays(fs, 'instances.json', (key, items) => count(key, items.length));
 */
export async function readJsonArrays(fs: FileSystem, path: string, take: TakeItems): Promise<JsonRoot> {
  const reader = new ArrayReader(path, take);
  const decoder = new TextDecoder();
  const bytes = (await fs.stat(path))?.bytes ?? 0;
  for (let at = 0; at < bytes && !reader.isDone; at += CHUNK_BYTES) {
    const chunk = await fs.readRange(path, at, Math.min(at + CHUNK_BYTES, bytes));
    reader.push(decoder.decode(chunk, { stream: true }));
  }
  // An absent file is told by its error, an empty one as such.
  if (bytes === 0) reader.push(await fs.readText(path));
  return reader.end(decoder.decode());
}

/** Follows brackets and strings, and cuts the text into members of the root and batches of array items. */
export class ArrayReader {
  readonly #file: string;
  readonly #take: TakeItems;
  readonly #counts = new Map<string, number>();
  readonly #values: Record<string, unknown> = {};
  #kind: JsonRoot['kind'] = 'other';
  /** From the beginning of the member or batch that is being read. */
  #text = '';
  /** Where that begins. */
  #place = FILE_START;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Of the array that is being read. */
  #key: string | null = null;
  #closed = false;
  /** An array has just ended: nothing may follow before the next comma. */
  #isAfterArray = false;

  constructor(file: string, take: TakeItems) {
    this.#file = file;
    this.#take = take;
  }

  /** Nothing of the rest is wanted. */
  get isDone(): boolean {
    return this.#kind === 'array';
  }

  push(piece: string): void {
    let at = this.#text.length;
    this.#text += piece;
    let from = 0;
    const text = this.#text;
    /** Cut off what is before `end`, and leave out the character there. */
    const cut = (end: number): string => {
      const part = text.slice(from, end);
      this.#place = placeAfter(this.#place, text.slice(from, end + 1));
      from = end + 1;
      return part;
    };
    for (; at < text.length && !this.isDone; at++) {
      if (this.#isInString) {
        at = this.#skipString(text, at);
        continue;
      }
      const code = text.charCodeAt(at);
      if (code === QUOTE) this.#isInString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        this.#depth += 1;
        if (this.#depth === 1) this.#openRoot(cut, at, code);
        else if (this.#depth === 2 && code === OPEN_BRACKET) this.#openArray(cut, at);
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        this.#depth -= 1;
        if (this.#depth === 1 && this.#key !== null) this.#closeArray(cut, at, code);
        else if (this.#depth === 0) this.#closeRoot(cut, at, code);
      } else if (code === COMMA) {
        if (this.#depth === 1) this.#endMember(cut, at, false);
        else if (this.#depth === 2 && this.#key !== null && at - from >= BATCH_CHARS) {
          const place = this.#place;
          this.#deliver(cut(at), place, false);
        }
      }
    }
    this.#text = text.slice(from);
  }

  end(piece: string): JsonRoot {
    this.push(piece);
    const isWhole = this.#closed && this.#depth === 0 && this.#text.trim() === '';
    if (this.#kind === 'object' && !isWhole) {
      // The tolerant reader tells where and what is missing.
      if (this.#closed) this.#refuse('the end of the file', this.#text);
      if (this.#key !== null) parseTolerantJson(`[${this.#text}`, this.#file, before(this.#place));
      this.#parse(`{${this.#text}`, before(this.#place));
    }
    // Numbers, texts and broken files: short or wrong.
    if (this.#kind === 'other') this.#parse(this.#text, this.#place);
    return { kind: this.#kind, counts: this.#counts, values: this.#values };
  }

  /** @returns index of the quote that ends the string, or of the text's last character */
  #skipString(text: string, from: number): number {
    if (this.#isEscaped) {
      this.#isEscaped = false;
      return from;
    }
    const quote = text.indexOf('"', from);
    const end = quote < 0 ? text.length : quote;
    let backslashes = 0;
    while (end - backslashes > from && text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    const isEscaped = backslashes % 2 === 1;
    if (quote < 0) {
      this.#isEscaped = isEscaped;
      return text.length - 1;
    }
    this.#isInString = isEscaped;
    return quote;
  }

  #openRoot(cut: (end: number) => string, at: number, code: number): void {
    const place = this.#place;
    const lead = cut(at);
    if (this.#closed || lead.trim() !== '') this.#refuse('one value', lead + '{', place);
    this.#kind = code === OPEN_BRACE ? 'object' : 'array';
  }

  #openArray(cut: (end: number) => string, at: number): void {
    const place = this.#place;
    const lead = cut(at);
    const member = this.#parse(`{${lead}[]}`, before(place)) as Record<string, unknown>;
    const [key, ...others] = Object.keys(member);
    if (key === undefined || others.length > 0) this.#refuse('one key and its value', lead, place);
    else {
      this.#checkNew(key, place);
      this.#key = key;
      this.#counts.set(key, 0);
    }
  }

  #closeArray(cut: (end: number) => string, at: number, code: number): void {
    const place = this.#place;
    const rest = cut(at);
    if (code !== CLOSE_BRACKET) this.#refuse('"]"', '}', placeAfter(place, rest));
    this.#deliver(rest, place, true);
    this.#key = null;
    this.#isAfterArray = true;
  }

  #closeRoot(cut: (end: number) => string, at: number, code: number): void {
    if (code !== CLOSE_BRACE) this.#refuse('"}"', ']', placeAfter(this.#place, this.#text.slice(0, at)));
    this.#endMember(cut, at, true);
    this.#closed = true;
  }

  #endMember(cut: (end: number) => string, at: number, isLast: boolean): void {
    const place = this.#place;
    const text = cut(at);
    if (this.#isAfterArray) {
      if (text.trim() !== '') this.#refuse('"," or "}"', text.trim(), place);
      this.#isAfterArray = false;
      return;
    }
    const isEmptyRoot = isLast && this.#counts.size === 0 && Object.keys(this.#values).length === 0;
    if (isEmptyRoot && text.trim() === '') return;
    const member = this.#parse(`{${text}}`, before(place)) as Record<string, unknown>;
    if (Object.keys(member).length !== 1) this.#refuse('a key in quotes', text, place);
    for (const [key, value] of Object.entries(member)) {
      this.#checkNew(key, place);
      this.#values[key] = value;
    }
  }

  #deliver(text: string, place: TextPlace, isLast: boolean): void {
    const key = this.#key ?? '';
    const first = this.#counts.get(key) ?? 0;
    if (isLast && first === 0 && text.trim() === '') return;
    const items = this.#parse(`[${text}]`, before(place)) as unknown[];
    // After a comma there must be something.
    if (items.length === 0) this.#refuse('a value', ']', placeAfter(place, text));
    this.#counts.set(key, first + items.length);
    this.#take(key, items, first);
  }

  #parse(text: string, place: TextPlace): unknown {
    return parseTolerantJson(text, this.#file, place);
  }

  /** The last one would win in Python; what came before was handed out already. */
  #checkNew(key: string, place: TextPlace): void {
    if (!this.#counts.has(key) && !Object.hasOwn(this.#values, key)) return;
    this.#refuse('a key that has not been there', JSON.stringify(key), place);
  }

  #refuse(expected: string, got: string, { line, column } = this.#place): never {
    throw new DatasetError(
      `${this.#file} is not valid JSON: line ${line}, column ${column} must have ${expected}, got ${got.slice(0, 20)}`,
      { code: 'bad-json', path: this.#file },
    );
  }
}

/** The place of a bracket that stands in front of a text for the parser's sake. */
function before({ line, column }: TextPlace): TextPlace {
  return { line, column: column - 1 };
}
