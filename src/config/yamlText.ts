// YAML 1.1 as PyYAML reads it, with the place of every key and value. Loaded only when a `.yml` or `.yaml` is met: the parser is large.

import type * as YamlModule from 'yaml';
import type { Document } from 'yaml';
import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { hashOf, KeyedDict, type PlainDict, setEntry } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { setSource } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';
import { checkCollection, resolvePlain, resolveTagged, tagName, YamlTagError } from './yamlScalars.ts';

const MAX_NODES = 200_000;
const MAX_REPAIRS = 100;

/** @returns the value, or the errors */
export async function parseYaml(
  text: string,
  spanOf: (from: number, to: number) => Span,
): Promise<{ readonly value: unknown } | { readonly errors: Diagnostic[] }> {
  const yaml = await import('yaml');
  const parse = (source: string): Document =>
    // Only the structure is taken from the library; scalars and tags are resolved here.
    yaml.parseDocument(source, {
      schema: 'failsafe',
      version: '1.1',
      uniqueKeys: false,
      merge: false,
      resolveKnownTags: false,
      logLevel: 'silent',
    });
  const fail = (message: string, from: number, to: number): Diagnostic => ({
    severity: 'error',
    code: 'bad-yaml',
    message,
    span: spanOf(from, to),
  });
  const first = parse(text);
  const { document, toOriginal } = indented(text, first, parse);
  if (document.errors.length > 0)
    return { errors: first.errors.map((e) => fail(e.message.split('\n')[0] ?? '', e.pos[0], e.pos[1])) };
  const place = (from: number, to: number): Span => spanOf(toOriginal(from), toOriginal(to));
  try {
    const reader = new Reader(yaml, document, place);
    return { value: document.contents === null ? null : reader.read(document.contents, 0).value };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { errors: [fail(error.message, toOriginal(error.from), toOriginal(error.to))] };
  }
}

/**
 * PyYAML lets a quoted text, a `[…]` and a `{…}` go on at any column, the library only to the right of its parent: such lines are moved to
 * the right, which changes no value.
 */
function indented(
  text: string,
  first: Document,
  parse: (source: string) => Document,
): { readonly document: Document; readonly toOriginal: (offset: number) => number } {
  const room = ' '.repeat(Math.max(0, ...text.split('\n').map((line) => line.search(/\S/))) + 1);
  const moved: number[] = [];
  let document = first;
  let source = text;
  for (let i = 0; i < MAX_REPAIRS; i++) {
    const error = document.errors.find((e) => e.code === 'BAD_INDENT' || /^Missing closing/.test(e.message));
    if (!error) break;
    const [at] = error.pos;
    const line = source[at] === '\n' ? at + 1 : source.lastIndexOf('\n', at - 1) + 1;
    const isEnd = line >= source.length || /^(?:---|\.\.\.)(?:\s|$)/.test(source.slice(line, line + 4));
    if (isEnd || moved.includes(line)) break;
    moved.forEach((other, j) => {
      if (other > line) moved[j] = other + room.length;
    });
    moved.push(line);
    source = source.slice(0, line) + room + source.slice(line);
    document = parse(source);
  }
  const toOriginal = (offset: number): number =>
    offset - moved.reduce((sum, line) => sum + Math.max(0, Math.min(room.length, offset - line)), 0);
  return { document, toOriginal };
}

class Unreadable extends Error {
  readonly from: number;
  readonly to: number;
  constructor(message: string, from: number, to: number) {
    super(message);
    this.from = from;
    this.to = to;
  }
}

interface Entry {
  readonly value: unknown;
  readonly isFloat: boolean;
  readonly span: Span;
}

interface KeyedEntry {
  readonly key: unknown;
  readonly keySpan: Span;
  readonly entry: Entry;
}

type Yaml = typeof YamlModule;

class Reader {
  readonly #yaml: Yaml;
  readonly #document: Document;
  readonly #spanOf: (from: number, to: number) => Span;
  #nodes = 0;

  constructor(yaml: Yaml, document: Document, spanOf: (from: number, to: number) => Span) {
    this.#yaml = yaml;
    this.#document = document;
    this.#spanOf = spanOf;
  }

  read(node: unknown, depth: number): Entry {
    const [from, to] = rangeOf(node);
    if (++this.#nodes > MAX_NODES || depth > 150)
      throw new Unreadable('the YAML text is too large or nested too deeply', from, to);
    try {
      return this.#value(node, depth, this.#spanOf(from, to));
    } catch (error) {
      if (error instanceof YamlTagError) throw new Unreadable(error.message, from, to);
      throw error;
    }
  }

  #value(node: unknown, depth: number, span: Span): Entry {
    const { isAlias, isMap, isScalar, isSeq } = this.#yaml;
    const done = (value: unknown, isFloat = false): Entry => {
      if (typeof value === 'object' && value !== null) setSource(value, null, { span });
      return { value, isFloat, span };
    };
    if (isAlias(node)) return this.read(node.resolve(this.#document), depth + 1);
    if (isSeq(node)) {
      const tag = tagName(node.tag);
      checkCollection(tag, 'seq');
      if (tag === 'omap' || tag === 'pairs') return done(this.#pairs(node.items, depth));
      const array: unknown[] = tag === 'python/tuple' ? new Tuple() : [];
      for (const item of node.items) put(array, array.length, this.read(item, depth + 1));
      return done(array);
    }
    if (isMap(node)) {
      const tag = tagName(node.tag);
      checkCollection(tag, 'map');
      const entries = this.#entries(node, depth);
      return done(tag === 'set' ? new Set(distinct(entries).map((e) => e.key)) : dictOf(entries));
    }
    if (!isScalar(node)) return done(null);
    const tag = tagName(node.tag);
    const text = String(node.value ?? '');
    const isPlain = node.type === 'PLAIN' || node.type === undefined;
    const { value, isFloat } =
      tag !== undefined
        ? resolveTagged(tag, text)
        : isPlain
          ? resolvePlain(text)
          : { value: text, isFloat: false };
    return done(value, isFloat);
  }

  /** The entries of a map: first those merged in by `<<`, as PyYAML's flatten_mapping puts them, then its own. */
  #entries(node: InstanceType<Yaml['YAMLMap']>, depth: number): KeyedEntry[] {
    const merged: KeyedEntry[] = [];
    const own: KeyedEntry[] = [];
    for (const pair of node.items) {
      const isPlain = this.#yaml.isScalar(pair.key) && pair.key.type === 'PLAIN' && !pair.key.tag;
      const word = isPlain && this.#yaml.isScalar(pair.key) ? pair.key.value : undefined;
      if (word === '<<') {
        merged.push(...this.#merged(pair.value, depth + 1));
        continue;
      }
      const key =
        word === '='
          ? { value: '=', span: this.#spanOf(...rangeOf(pair.key)) }
          : this.read(pair.key, depth + 1);
      const isHashable = hashOf(key.value) !== undefined;
      if (!isHashable)
        throw new Unreadable(
          `a key must be hashable, but it is ${plainRepr(key.value)}`,
          ...rangeOf(pair.key),
        );
      own.push({ key: key.value, keySpan: key.span, entry: this.read(pair.value, depth + 1) });
    }
    return [...merged, ...own];
  }

  #merged(value: unknown, depth: number): KeyedEntry[] {
    const node = this.#yaml.isAlias(value) ? value.resolve(this.#document) : value;
    if (depth > 150)
      throw new Unreadable('the YAML text is too large or nested too deeply', ...rangeOf(value));
    if (this.#yaml.isMap(node)) return this.#entries(node, depth);
    // Of several the first one wins, so it comes last.
    if (this.#yaml.isSeq(node))
      return node.items.toReversed().flatMap((item) => this.#merged(item, depth + 1));
    throw new Unreadable("'<<' must name a dict or a list of dicts", ...rangeOf(value));
  }

  /** `!!omap` and `!!pairs`: a list of tuples. */
  #pairs(items: readonly unknown[], depth: number): unknown[] {
    return items.map((item) => {
      const pair = this.#yaml.isMap(item) && item.items.length === 1 ? item.items[0] : undefined;
      if (!pair) throw new YamlTagError('!!omap and !!pairs must be lists of dicts with one entry each');
      const both = new Tuple();
      put(both, 0, this.read(pair.key, depth + 1));
      put(both, 1, this.read(pair.value, depth + 1));
      return both;
    });
  }
}

function rangeOf(node: unknown): [number, number] {
  const range = (node as { range?: [number, number, number] | null } | null)?.range;
  return range ? [range[0], range[1]] : [0, 0];
}

function put(array: unknown[], index: number, { value, span, isFloat }: Entry): void {
  array[index] = value;
  setSource(array, index, { span, ...(isFloat ? { isFloat } : {}) });
}

/** Of equal keys (1, 1.0 and True are one) the first stays, with the last value. */
function distinct(entries: readonly KeyedEntry[]): KeyedEntry[] {
  const byHash = new Map<string | undefined, KeyedEntry>();
  for (const entry of entries) {
    const hash = hashOf(entry.key);
    byHash.set(hash, { ...entry, key: byHash.has(hash) ? byHash.get(hash)?.key : entry.key });
  }
  return [...byHash.values()];
}

function dictOf(entries: readonly KeyedEntry[]): PlainDict | KeyedDict {
  const found = distinct(entries);
  const dict: PlainDict = {};
  const keyed = new KeyedDict();
  const isPlain = found.every(({ key }) => typeof key === 'string');
  for (const { key, keySpan, entry } of found) {
    if (isPlain) setEntry(dict, String(key), entry.value);
    else keyed.set(key, entry.value);
    const source = { span: entry.span, keySpan, ...(entry.isFloat ? { isFloat: true } : {}) };
    setSource(isPlain ? dict : keyed, String(key), source);
  }
  return isPlain ? dict : keyed;
}
