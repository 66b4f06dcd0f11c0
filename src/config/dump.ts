// Dump back to Python text, as MMCV's `pretty_text` writes it: `name = value` lines, dicts as `dict(…)` calls where their keys allow, laid out like yapf
// does. Strings are escaped where MMCV's are not, so that the text always reads back the same.
// Source: mmcv 1.7.2 Config.pretty_text.

import { type PlainDict, dictEntries, dictKeys, isDict, isFloatEntry, KeyedDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { strRepr } from '../lang/repr.ts';
import { Tuple } from '../util/tuple.ts';
import { type Doc, layOut } from './layout.ts';

const KEYWORDS = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda ' +
    'nonlocal not or pass raise return try while with yield'
  ).split(' '),
);

const isName = (key: string): boolean => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(key) && !KEYWORDS.has(key);

/** Python text whose evaluation gives `dict` again. */
export function dumpText(dict: PlainDict): string {
  return dictEntries(dict)
    .map(([key, value]) => {
      const name = isName(key) ? `${key} = ` : `globals()[${strRepr(key)}] = `;
      return `${layOut(name, docOf(value, isFloatEntry(dict, key)))}\n`;
    })
    .join('');
}

/** A dict, or a list of dicts only, is written with `dict(…)`; inside other containers Python's repr is used, as MMCV does. */
function docOf(value: unknown, isFloat: boolean): Doc {
  if (isDict(value)) return dictDoc(value);
  if (value instanceof KeyedDict) {
    if (value.size === 0) return 'dict()';
    const items = [...value].map(([k, v]) => ({
      prefix: `${plainRepr(k, false, true)}: `,
      doc: docOf(v, isFloatEntry(value, k)),
    }));
    return { open: 'dict({', items, close: '})' };
  }
  if (
    Array.isArray(value) &&
    !(value instanceof Tuple) &&
    value.length > 0 &&
    value.every((v) => isDict(v))
  ) {
    return { open: '[', items: value.map((v: PlainDict) => ({ prefix: '', doc: dictDoc(v) })), close: ']' };
  }
  return reprDoc(value, isFloat);
}

function dictDoc(dict: PlainDict): Doc {
  const keys = dictKeys(dict);
  if (keys.length === 0) return 'dict()';
  const isCall = keys.every(isName);
  const items = keys.map((key) => ({
    prefix: isCall ? `${key}=` : `${strRepr(key)}: `,
    doc: docOf(dict[key], isFloatEntry(dict, key)),
  }));
  return isCall ? { open: 'dict(', items, close: ')' } : { open: 'dict({', items, close: '})' };
}

function reprDoc(value: unknown, isFloat: boolean): Doc {
  const isEmpty = Array.isArray(value) && value.length === 0;
  if (Array.isArray(value) && !isEmpty) {
    const items = value.map((v: unknown, i) => ({ prefix: '', doc: reprDoc(v, isFloatEntry(value, i)) }));
    if (!(value instanceof Tuple)) return { open: '[', items, close: ']' };
    return { open: '(', items, close: items.length === 1 ? ', )' : ')' };
  }
  if (isDict(value) && dictKeys(value).length > 0) {
    const items = dictKeys(value).map((key) => ({
      prefix: `${strRepr(key)}: `,
      doc: reprDoc(value[key], isFloatEntry(value, key)),
    }));
    return { open: '{', items, close: '}' };
  }
  return plainRepr(value, isFloat, true);
}
