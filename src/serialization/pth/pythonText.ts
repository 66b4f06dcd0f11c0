// How Python spells values as text: in protocol-0 pickles, and for people.

import { Tuple } from '../../util/tuple.ts';
import { damaged } from './checkpointErrors.ts';
import { PyFloat, PyObjectStub, TorchTensor, type PthValue } from './values.ts';

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
};

/** Read a quoted string literal as `repr` of Python 2 writes it. */
export function unescapeString(line: string): string {
  const text = line.trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote))
    throw damaged('its pickle has a text without quotes');
  return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)/g, (_, code: string) => {
    if (code.startsWith('x') && code.length === 3) return String.fromCharCode(parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(parseInt(code, 8));
    return SIMPLE_ESCAPES[code] ?? code;
  });
}

/** Undo Python's raw-unicode-escape: only \uXXXX and \UXXXXXXXX are escapes. */
export function unescapeUnicode(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short?: string, long?: string) => {
    const point = parseInt(short ?? long ?? '', 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

/** Spell a value roughly as Python's `repr` does; at most about 200 characters. */
export function pythonRepr(value: PthValue, depth = 0): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return clip(`'${value.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`);
  if (typeof value !== 'object') return String(value);
  if (value instanceof PyFloat)
    return Number.isInteger(value.value) ? `${value.value}.0` : String(value.value);
  if (value instanceof TorchTensor) return `tensor[${value.shape.join(', ')}] of ${value.dtype}`;
  if (value instanceof PyObjectStub) return value.qualifiedName;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (depth > 3) return '...';
  const inner = (item: PthValue): string => pythonRepr(item, depth + 1);
  if (value instanceof Tuple) return clip(`(${value.map(inner).join(', ')}${value.length === 1 ? ',' : ''})`);
  if (Array.isArray(value)) return clip(`[${value.map(inner).join(', ')}]`);
  if (value instanceof Set) return clip(`{${[...value].map(inner).join(', ')}}`);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return clip(`{${entries.map(([k, v]) => `${inner(k)}: ${inner(v as PthValue)}`).join(', ')}}`);
}

const clip = (text: string): string => (text.length > 200 ? `${text.slice(0, 197)}...` : text);
