// YAML 1.1 as PyYAML reads it, with the place of every value. Loaded only when a `.yml` or `.yaml` is met: the parser is large.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { KeyedDict, Opaque, type PlainDict, setEntry } from '../lang/plain.ts';
import { setSource } from '../lang/sourceMap.ts';

// PyYAML's own rules: a float needs a point, an exponent a sign; octals are 0…, not 0o….
const FLOAT =
  /^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const INT = /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$/;
const DATE = /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?.*)?$/;
const MAX_NODES = 200_000;

/** @returns the value, or the errors */
export async function parseYaml(
  text: string,
  spanOf: (from: number, to: number) => Span,
): Promise<{ readonly value: unknown } | { readonly errors: Diagnostic[] }> {
  const { parseDocument, isAlias, isMap, isScalar, isSeq } = await import('yaml');
  // Only the structure is taken from the library; plain scalars are resolved below.
  const document = parseDocument(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    merge: false,
  });
  const fail = (message: string, from: number, to: number): Diagnostic => ({
    severity: 'error',
    code: 'bad-yaml',
    message,
    span: spanOf(from, to),
  });
  if (document.errors.length > 0) {
    return { errors: document.errors.map((e) => fail(e.message.split('\n')[0], e.pos[0], e.pos[1])) };
  }

  let nodes = 0;
  class Unreadable extends Error {}
  const errors: Diagnostic[] = [];

  const convert = (node: unknown, depth: number): { value: unknown; isFloat: boolean; span: Span } => {
    const range = (node as { range?: [number, number, number] | null } | null)?.range;
    const [from, to] = range ?? [0, 0];
    const span = spanOf(from, to);
    const done = (value: unknown, isFloat = false): { value: unknown; isFloat: boolean; span: Span } => {
      if (typeof value === 'object' && value !== null) setSource(value, null, { span });
      return { value, isFloat, span };
    };
    if (++nodes > MAX_NODES || depth > 150) {
      errors.push(fail('the YAML text is too large or nested too deeply', from, to));
      throw new Unreadable();
    }
    if (isAlias(node)) return convert(node.resolve(document), depth + 1);
    if (isSeq(node)) {
      const array: unknown[] = [];
      for (const item of node.items) {
        const entry = convert(item, depth + 1);
        setSource(array, array.length, { span: entry.span, ...(entry.isFloat ? { isFloat: true } : {}) });
        array.push(entry.value);
      }
      return done(array);
    }
    if (isMap(node)) {
      const pairs = node.items.map((p) => ({
        key: convert(p.key, depth + 1),
        entry: convert(p.value, depth + 1),
      }));
      return done(dictOf(pairs));
    }
    if (!isScalar(node)) return done(null);
    const raw = node.source ?? String(node.value ?? '');
    if (node.type !== 'PLAIN' || node.tag !== undefined)
      return done(tagged(node.tag, String(node.value ?? '')));
    const plain = resolvePlain(raw);
    return done(plain.value, plain.isFloat);
  };

  try {
    return { value: document.contents === null ? null : convert(document.contents, 0).value };
  } catch (error) {
    if (error instanceof Unreadable) return { errors };
    throw error;
  }
}

interface Resolved {
  readonly value: unknown;
  readonly isFloat: boolean;
}

interface Placed extends Resolved {
  readonly span: Span;
}

function dictOf(pairs: readonly { readonly key: Placed; readonly entry: Placed }[]): unknown {
  const merged: [unknown, Placed, Span][] = [];
  for (const { key, entry } of pairs) {
    // `<<: *base` merges another dict; its entries never override those written here.
    if (key.value === '<<' && typeof entry.value === 'object' && entry.value !== null) {
      const sources: unknown[] = Array.isArray(entry.value) ? entry.value : [entry.value];
      for (const source of sources.reverse()) {
        for (const [k, v] of Object.entries(source as PlainDict))
          merged.unshift([k, { ...entry, value: v, isFloat: false }, entry.span]);
      }
    } else merged.push([key.value, entry, key.span]);
  }
  const isPlain = merged.every(([key]) => typeof key === 'string');
  const dict: PlainDict = {};
  const keyed = new KeyedDict();
  for (const [key, entry, keySpan] of merged) {
    if (isPlain) setEntry(dict, String(key), entry.value);
    else keyed.set(key, entry.value);
    const source = { span: entry.span, keySpan, ...(entry.isFloat ? { isFloat: true } : {}) };
    setSource(isPlain ? dict : keyed, String(key), source);
  }
  return isPlain ? dict : keyed;
}

function tagged(tag: string | undefined, text: string): unknown {
  if (tag === 'tag:yaml.org,2002:int' || tag === 'tag:yaml.org,2002:float') return Number(text);
  return text;
}

/** What a scalar without quotes means. Source: PyYAML resolver.py, constructor.py (YAML 1.1). */
function resolvePlain(text: string): Resolved {
  const of = (value: unknown, isFloat = false): Resolved => ({ value, isFloat });
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return of(null);
  if (/^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return of(true);
  if (/^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return of(false);
  if (INT.test(text)) return of(yamlInt(text.replaceAll('_', '')));
  if (FLOAT.test(text)) {
    const clean = text.replaceAll('_', '').toLowerCase();
    if (clean.endsWith('.inf')) return of(clean.startsWith('-') ? -Infinity : Infinity, true);
    return of(clean === '.nan' ? NaN : Number(clean), true);
  }
  if (DATE.test(text)) return of(new Opaque(/[Tt: ]/.test(text) ? 'datetime' : 'date', text));
  return of(text);
}

function yamlInt(text: string): number | bigint {
  const isNegative = text.startsWith('-');
  const digits = text.replace(/^[-+]/, '');
  const isOctal = /^0[0-7]+$/.test(digits);
  const big = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  const value = isNegative ? -big : big;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
