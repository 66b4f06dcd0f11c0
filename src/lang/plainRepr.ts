// `repr` and `str` of plain data, as Python would print the value it came from.

import { Tuple } from '../util/tuple.ts';
import { dictKeys, isDict, isFloatEntry, KeyedDict, Opaque } from './plain.ts';
import { floatRepr, strRepr } from './repr.ts';

/** Text that Python reads back as the value; infinities become `float('inf')` when `isCode`, `inf` otherwise. */
export function plainRepr(value: unknown, isFloat = false, isCode = false): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return strRepr(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return numberRepr(value, isFloat, isCode);
  if (value instanceof Opaque) return value.name;
  if (value instanceof Set) {
    return value.size === 0 ? 'set()' : `{${[...value].map((v) => plainRepr(v, false, isCode)).join(', ')}}`;
  }
  if (value instanceof KeyedDict) {
    const entries = [...value].map(
      ([k, v]) => `${plainRepr(k, false, isCode)}: ${plainRepr(v, isFloatEntry(value, k), isCode)}`,
    );
    return `{${entries.join(', ')}}`;
  }
  if (Array.isArray(value)) {
    const items = value.map((v: unknown, i) => plainRepr(v, isFloatEntry(value, i), isCode));
    if (value instanceof Tuple) return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
    return `[${items.join(', ')}]`;
  }
  if (isDict(value)) {
    const entries = dictKeys(value).map(
      (k) => `${strRepr(k)}: ${plainRepr(value[k], isFloatEntry(value, k), isCode)}`,
    );
    return `{${entries.join(', ')}}`;
  }
  return String(value);
}

/** `str` of a plain value: text as it is, everything else as its repr. */
export function plainStr(value: unknown, isFloat = false): string {
  return typeof value === 'string' ? value : plainRepr(value, isFloat);
}

function numberRepr(n: number, isFloat: boolean, isCode: boolean): string {
  if (isCode && !Number.isFinite(n)) return `float('${floatRepr(n)}')`;
  return isFloat || !Number.isSafeInteger(n) || Object.is(n, -0) ? floatRepr(n) : String(n);
}
