// From evaluator values to plain data, with the place of every entry noted in the source map.

import { Tuple } from '../util/tuple.ts';
import { MAX_VALUES } from './limits.ts';
import { KeyedDict, Opaque, type PlainDict, setEntry } from './plain.ts';
import { PyError, type Range } from './pyError.ts';
import { repr } from './repr.ts';
import { setSource, type ValueSource } from './sourceMap.ts';
import {
  type Cell,
  PyBuiltin,
  PyBytes,
  PyClass,
  PyDict,
  PyFloat,
  PyFunction,
  PyList,
  PyModule,
  PyRange,
  PySet,
  PyTuple,
  type Scope,
  typeName,
  type Value,
} from './values.ts';
import type { Span } from '../errors/span.ts';

const MAX_EXPORT_DEPTH = 150;

export class Exporter {
  readonly #spanOf: (range: Range) => Span;
  #count = 0;

  constructor(spanOf: (range: Range) => Span) {
    this.#spanOf = spanOf;
  }

  /**
   * The finished names of a module as a dict. Left out, as MMCV does: names that start with two underscores, modules, Python functions.
   * @throws PyError for data that is too large, or contains itself
   */
  module(scope: Scope): PlainDict {
    const dict: PlainDict = {};
    for (const [name, cell] of scope.cells) {
      const { v } = cell;
      const isDropped =
        v instanceof PyModule || v instanceof PyFunction || (v instanceof PyBuiltin && v.kind === 'python');
      if (isDropped || name.startsWith('__')) continue;
      this.#put(dict, name, cell, 0);
    }
    return dict;
  }

  #put(dict: PlainDict, key: string, cell: Cell, depth: number): void {
    setEntry(dict, key, this.#value(cell, depth + 1));
    const source = this.#source(cell);
    if (source) setSource(dict, key, source);
  }

  #source(cell: Cell): ValueSource | undefined {
    if (!cell.r) return undefined;
    return {
      span: this.#spanOf(cell.r),
      ...(cell.k ? { keySpan: this.#spanOf(cell.k) } : {}),
      ...(cell.v instanceof PyFloat ? { isFloat: true } : {}),
    };
  }

  #items(cells: readonly Cell[], array: unknown[], depth: number): unknown[] {
    cells.forEach((cell, i) => {
      array.push(this.#value(cell, depth + 1));
      const source = this.#source(cell);
      if (source) setSource(array, i, source);
    });
    return array;
  }

  #value(cell: Cell, depth: number): unknown {
    if (++this.#count > MAX_VALUES) {
      throw new PyError('MemoryError', `a config must hold at most ${MAX_VALUES} values, but it has more`, {
        range: cell.r ?? undefined,
      });
    }
    if (depth > MAX_EXPORT_DEPTH) {
      throw new PyError('RecursionError', 'a config must not contain itself or be nested this deeply', {
        range: cell.r ?? undefined,
      });
    }
    const exported = this.#convert(cell.v, depth);
    if (cell.r && typeof exported === 'object' && exported !== null) {
      setSource(exported, null, { span: this.#spanOf(cell.r) });
    }
    return exported;
  }

  #convert(value: Value, depth: number): unknown {
    if (value === null || typeof value !== 'object') return value;
    if (value instanceof PyFloat) return value.n;
    if (value instanceof PyList) return this.#items(value.items, [], depth);
    if (value instanceof PyTuple) return this.#items(value.items, new Tuple(), depth);
    if (value instanceof PyDict) return this.#dict(value, depth);
    if (value instanceof PySet) return new Set(this.#items([...value.map.values()], [], depth));
    if (value instanceof PyClass) return new Opaque('type', value.name);
    // What a dump can write again: range(0, 4), b'ab'.
    if (value instanceof PyRange || value instanceof PyBytes) return new Opaque(typeName(value), repr(value));
    if (value instanceof PyFunction || value instanceof PyBuiltin)
      return new Opaque(typeName(value), value.name);
    return new Opaque(typeName(value), typeName(value));
  }

  #dict(value: PyDict, depth: number): unknown {
    const entries = value.entries();
    if (entries.every((e) => typeof e.key === 'string')) {
      const dict: PlainDict = {};
      for (const e of entries) this.#put(dict, e.key as string, e, depth);
      return dict;
    }
    const keyed = new KeyedDict();
    for (const e of entries) {
      const key = this.#value({ v: e.key, r: null }, depth + 1);
      keyed.set(key, this.#value(e, depth + 1));
      const source = this.#source(e);
      if (source) setSource(keyed, String(key), source);
    }
    return keyed;
  }
}
