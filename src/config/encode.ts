// Config values as JSON and back, without losing what JSON can't tell: tuples, infinities, large ints, sets, keys that aren't text.
// The tags are those of the fixtures: `__tuple__`, `__float__`, `__int__`, `__items__`, `__set__`, `__repr__`.

import { dictEntries, isDict, KeyedDict, Opaque, type PlainDict, setEntry } from '../lang/plain.ts';
import { Tuple } from '../util/tuple.ts';

export type EncodedValue =
  null | boolean | number | string | EncodedValue[] | { [key: string]: EncodedValue };

/** To JSON data. */
export function encodeValue(value: unknown): EncodedValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    return { __float__: Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity' };
  }
  if (typeof value === 'bigint') return { __int__: String(value) };
  if (value instanceof Tuple) return { __tuple__: [...(value as Tuple)].map(encodeValue) };
  if (Array.isArray(value)) return value.map(encodeValue);
  if (value instanceof Set) return { __set__: [...value].map(encodeValue) };
  if (value instanceof KeyedDict) {
    return { __items__: [...value].map(([k, v]) => [encodeValue(k), encodeValue(v)]) };
  }
  if (value instanceof Opaque) {
    return value.typeName === 'type' ? { __class__: value.name } : { __repr__: value.typeName };
  }
  if (!isDict(value)) return { __repr__: typeof value };
  const out: PlainDict = {};
  for (const [key, item] of dictEntries(value)) setEntry(out, key, encodeValue(item));
  return out as { [key: string]: EncodedValue };
}

/** From JSON data. */
export function decodeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (!isDict(value)) return value;
  const { __tuple__, __float__, __int__, __items__, __set__ } = value;
  if (Array.isArray(__tuple__)) return Tuple.of(...__tuple__.map(decodeValue));
  if (typeof __float__ === 'string') return Number(__float__);
  if (typeof __int__ === 'string') return BigInt(__int__);
  if (Array.isArray(__set__)) return new Set(__set__.map(decodeValue));
  if (Array.isArray(__items__)) {
    return new KeyedDict(
      (__items__ as [unknown, unknown][]).map(([k, v]) => [decodeValue(k), decodeValue(v)]),
    );
  }
  if (typeof value.__repr__ === 'string') return new Opaque(value.__repr__, value.__repr__);
  if (typeof value.__class__ === 'string') return new Opaque('type', value.__class__);
  const out: PlainDict = {};
  for (const [key, item] of dictEntries(value)) setEntry(out, key, decodeValue(item));
  return out;
}
