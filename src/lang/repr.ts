// Python's `repr` and `str` of evaluator values, and of the numbers and strings inside plain data.

import { checkStringChars, spend } from './limits.ts';
import { PyError } from './pyError.ts';
import {
  PyBuiltin,
  PyBytes,
  PyClass,
  PyDict,
  PyEllipsis,
  PyException,
  PyFloat,
  PyFunction,
  PyList,
  PyModule,
  PyRange,
  PySet,
  PyTuple,
  typeName,
  type Value,
} from './values.ts';
import { take } from '../util/at.ts';

const MAX_REPR_DEPTH = 200;

/** `repr` of a float: shortest digits that read back, exponent below 1e-4 and from 1e16. Source: CPython float_repr_style 'short'. */
export function floatRepr(n: number): string {
  if (Number.isNaN(n)) return 'nan';
  if (!Number.isFinite(n)) return n > 0 ? 'inf' : '-inf';
  if (n === 0) return Object.is(n, -0) ? '-0.0' : '0.0';
  const [mantissa, exponentText] = take(n.toExponential().split('e'), 2);
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text = String(n);
  if (!text.includes('e')) return text.includes('.') ? text : `${text}.0`;
  // JavaScript turns to exponents from 1e-7 down, Python only below 1e-4; and never between 1e16 and here.
  const digits = mantissa.replace(/[-.]/g, '');
  return `${n < 0 ? '-' : ''}0.${'0'.repeat(-exponent - 1)}${digits}`;
}

/** `repr` of a string: single quotes unless only those occur inside. */
export function strRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === quote || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code === 0xad)
      out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if ((code >= 0xd800 && code <= 0xdfff) || code === 0x2028 || code === 0x2029 || code === 0xfeff)
      out += `\\u${code.toString(16).padStart(4, '0')}`;
    else out += char;
  }
  return quote + out + quote;
}

/** `repr` of bytes. @param latin1 one character per byte */
export function bytesRepr(latin1: string): string {
  return `b${strRepr(latin1).replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)}`;
}

/** Python's `repr(value)`. */
export function repr(value: Value, depth = 0): string {
  spend(1);
  if (depth > MAX_REPR_DEPTH) {
    throw new PyError('RecursionError', `values must be nested at most ${MAX_REPR_DEPTH} deep`);
  }
  const all = (items: Iterable<{ v: Value }>): string[] => [...items].map((c) => repr(c.v, depth + 1));
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return strRepr(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof PyEllipsis) return 'Ellipsis';
  if (value instanceof PyFloat) return floatRepr(value.n);
  if (value instanceof PyList) return `[${join(all(value.items))}]`;
  if (value instanceof PyTuple) {
    return value.items.length === 1 ? `(${all(value.items)[0]},)` : `(${join(all(value.items))})`;
  }
  if (value instanceof PyDict) {
    return `{${join(value.entries().map((e) => `${repr(e.key, depth + 1)}: ${repr(e.v, depth + 1)}`))}}`;
  }
  if (value instanceof PySet) {
    if (value.map.size === 0) return `${typeName(value)}()`;
    const inner = `{${join(all(value.map.values()))}}`;
    return value.isFrozen ? `frozenset(${inner})` : inner;
  }
  if (value instanceof PyRange) {
    return `range(${value.start}, ${value.stop}${value.step === 1 ? '' : `, ${value.step}`})`;
  }
  if (value instanceof PyBytes) {
    return bytesRepr(value.latin1);
  }
  if (value instanceof PyFunction) return `<function ${value.name}>`;
  if (value instanceof PyBuiltin) {
    return value.kind === 'type' ? `<class '${value.name}'>` : `<built-in function ${value.name}>`;
  }
  if (value instanceof PyModule) return `<module '${value.name}'>`;
  if (value instanceof PyClass) return `<class '${value.name}'>`;
  if (value instanceof PyException) {
    return value.message === null ? `<class '${value.name}'>` : `${value.name}(${strRepr(value.message)})`;
  }
  return `<${typeName(value)} object>`;
}

/** Python's `str(value)`. */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof PyException && value.message !== null) return value.message;
  return repr(value);
}

function join(parts: readonly string[]): string {
  const text = parts.join(', ');
  checkStringChars(text.length);
  return text;
}
