// Text formatting: the format-spec language of f-strings, `format` and `str.format`, and the old `%` operator.

import { checkStringChars } from './limits.ts';
import { asInt, asNumber, fixed, indexOf, type Int } from './numbers.ts';
import { PyError } from './pyError.ts';
import { repr, str } from './repr.ts';
import { getItem } from './sequences.ts';
import { type Cell, PyDict, PyFloat, PyTuple, typeName, type Value } from './values.ts';
import { at, take } from '../util/at.ts';

const SPEC = /^(?:([\s\S])?([<>=^]))?([+\- ]?)(z?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([a-zA-Z%]?)$/u;
const MAX_DIGITS = 1000;

/** `format(value, spec)`. Source: Python library reference, "Format Specification Mini-Language". */
export function formatValue(value: Value, spec: string): string {
  if (spec === '') return str(value);
  const match = SPEC.exec(spec);
  if (!match)
    throw new PyError('ValueError', `'${spec}' is not a format that ${typeName(value)} understands`);
  const [, fillText, alignText, sign, , alternate, zero, widthText, grouping, precisionText, type] = take(
    match,
    11,
  );
  const width = limited(widthText);
  const precision = precisionText === undefined ? undefined : limited(precisionText);
  const int = asInt(value);
  const isNumber = value instanceof PyFloat || int !== undefined;
  let body: string;
  if (typeof value === 'boolean' && type === '')
    body = precision === undefined ? str(value) : str(value).slice(0, precision);
  else if (isNumber) {
    body = formatNumber(value, int, { sign, isAlternate: alternate !== '', grouping, precision, type });
  } else {
    if (type !== '' && type !== 's') {
      throw new PyError('ValueError', `the format '${type}' needs a number, but got ${typeName(value)}`);
    }
    const text = str(value);
    body = precision === undefined ? text : Array.from(text).slice(0, precision).join('');
  }
  const fill = fillText ?? (zero ? '0' : ' ');
  const align = alignText ?? (zero && isNumber ? '=' : isNumber ? '>' : '<');
  return pad(body, width, fill, align);
}

function limited(digits: string): number {
  const n = Number(digits || '0');
  if (n > MAX_DIGITS)
    throw new PyError('ValueError', `a format width must be at most ${MAX_DIGITS}, got ${n}`);
  return n;
}

function pad(body: string, width: number, fill: string, align: string): string {
  const missing = width - Array.from(body).length;
  if (missing <= 0) return body;
  if (align === '<') return body + fill.repeat(missing);
  if (align === '>') return fill.repeat(missing) + body;
  if (align === '^') return fill.repeat(Math.floor(missing / 2)) + body + fill.repeat(Math.ceil(missing / 2));
  const signLength = /^[+\- ]?(0[xob])?/i.exec(body)?.[0].length ?? 0;
  return body.slice(0, signLength) + fill.repeat(missing) + body.slice(signLength);
}

interface NumberFormat {
  readonly sign: string;
  readonly isAlternate: boolean;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

function formatNumber(value: Value, int: Int | undefined, format: NumberFormat): string {
  const { sign, isAlternate, grouping, precision, type } = format;
  const radix = { d: 10, n: 10, b: 2, o: 8, x: 16, X: 16 }[type] ?? (type === '' ? 10 : undefined);
  let digits: string;
  let isNegative: boolean;
  let prefix = '';
  if (int !== undefined && radix !== undefined) {
    if (precision !== undefined) throw new PyError('ValueError', 'a precision is not allowed for an int');
    isNegative = int < 0;
    digits = (isNegative ? -BigInt(int) : BigInt(int)).toString(radix);
    if (type === 'X') digits = digits.toUpperCase();
    if (isAlternate && radix !== 10) prefix = `0${type}`;
  } else if (int !== undefined && type === 'c') {
    return String.fromCodePoint(Number(int));
  } else {
    if (value instanceof PyFloat && type !== '' && radix !== undefined && type !== 'n') {
      throw new PyError('ValueError', `the format '${type}' needs an int, but got float`);
    }
    const x = asNumber(value) ?? NaN;
    isNegative = x < 0 || Object.is(x, -0);
    digits = floatDigits(Math.abs(x), type, precision, isAlternate);
  }
  if (grouping) digits = group(digits, grouping, radix !== undefined && radix !== 10 ? 4 : 3);
  return (isNegative ? '-' : sign === '-' ? '' : sign) + prefix + digits;
}

function floatDigits(x: number, type: string, precision: number | undefined, isAlternate: boolean): string {
  const upper = type === 'E' || type === 'F' || type === 'G';
  const done = (text: string): string => (upper ? text.toUpperCase() : text);
  if (!Number.isFinite(x)) return done(Number.isNaN(x) ? 'nan' : 'inf') + (type === '%' ? '%' : '');
  switch (type) {
    case 'f':
    case 'F':
      return fixed(x, precision ?? 6);
    case '%':
      return `${fixed(x * 100, precision ?? 6)}%`;
    case 'e':
    case 'E':
      return done(exponential(x, precision ?? 6));
    case 'g':
    case 'G':
    case 'n':
      return done(general(x, precision ?? 6, isAlternate));
    case '': {
      if (precision === undefined) return repr(new PyFloat(x));
      const text = general(x, precision, isAlternate, 1);
      return /[.e]/.test(text) ? text : `${text}.0`;
    }
    default:
      throw new PyError('ValueError', `'${type}' is not a number format`);
  }
}

/**
 * Python's `f'{x:.{precision}e}'`: half to even, where toExponential rounds ties up.
 * @example exponential(0.015625, 3) // '1.562e-02'
 */
export function exponential(x: number, precision: number): string {
  if (!Number.isFinite(x)) return fixed(x, 0);
  const shortest = x === 0 ? 0 : Number(x.toExponential().split('e')[1]);
  const digits = fixed(Math.abs(x), precision - shortest)
    .replace('.', '')
    .replace(/^0+(?=\d)/, '');
  // Rounding 9.9996 up makes one digit more.
  const e = digits.length > Math.max(precision, shortest) + 1 ? shortest + 1 : shortest;
  const shown = digits.padStart(precision + 1, '0').slice(0, precision + 1);
  const mantissa = precision === 0 ? shown : `${shown[0]}.${shown.slice(1)}`;
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  return `${sign}${mantissa}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`;
}

/** `%g`: `precision` significant digits, exponent outside -4 … precision, zeros at the end dropped. */
function general(x: number, precision: number, keepZeros: boolean, limitShift = 0): string {
  const p = Math.min(Math.max(precision, 1), 100);
  const exponent = x === 0 ? 0 : Number(x.toExponential(p - 1).split('e')[1]);
  const isPlain = exponent >= -4 && exponent < p - limitShift + (limitShift && p === 1 ? 1 : 0);
  const strip = (text: string): string =>
    keepZeros || !text.includes('.') ? text : text.replace(/\.?0+$/, '');
  if (isPlain) return strip(fixed(x, Math.max(0, p - 1 - exponent)));
  const [mantissa, tail] = take(exponential(x, p - 1).split('e'), 2);
  return `${strip(mantissa)}e${tail}`;
}

function group(digits: string, separator: string, size: number): string {
  const match = /^([0-9a-fA-F]+)(.*)$/.exec(digits);
  if (!match) return digits;
  const whole = at(match, 1).replace(new RegExp(`\\B(?=(?:[0-9a-fA-F]{${size}})+$)`, 'g'), separator);
  return whole + match[2];
}

/** `'…' % values`. */
export function formatPercent(template: string, values: Value): string {
  const items: readonly Cell[] = values instanceof PyTuple ? values.items : [{ v: values, r: null }];
  let used = 0;
  const next = (): Value => {
    if (used >= items.length)
      throw new PyError('TypeError', `'%' needs more values than the ${items.length} given`);
    return at(items, used++).v;
  };
  let usesKeys = false;
  const out = template.replace(
    /%(?:\(([^)]*)\))?([#0\- +]*)(\*|\d+)?(?:\.(\*|\d+))?([\s\S]?)/g,
    (
      _whole,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      type: string,
    ) => {
      if (type === '%') return '%';
      const w = width === '*' ? indexOf(next(), 'the width *') : limited(width ?? '0');
      const p =
        precision === '*'
          ? indexOf(next(), 'the precision *')
          : precision === undefined
            ? undefined
            : limited(precision);
      if (key !== undefined) usesKeys = true;
      if (key !== undefined && !(values instanceof PyDict))
        throw new PyError('TypeError', `'%(${key})' needs a dict`);
      const value = key === undefined ? next() : getItem(values, key);
      return percentItem(value, flags, w, p, type);
    },
  );
  if (used < items.length && !usesKeys && !(values instanceof PyDict)) {
    throw new PyError('TypeError', `'%' got ${items.length} values, but the text has places for ${used}`);
  }
  checkStringChars(out.length);
  return out;
}

function percentItem(
  value: Value,
  flags: string,
  width: number,
  precision: number | undefined,
  type: string,
): string {
  const align = flags.includes('-') ? '<' : '>';
  if (type === 's' || type === 'r' || type === 'a') {
    const text = type === 's' ? str(value) : repr(value);
    return pad(precision === undefined ? text : text.slice(0, precision), width, ' ', align);
  }
  if (type === 'c')
    return pad(
      typeof value === 'string' ? value : String.fromCodePoint(indexOf(value, "'%c'")),
      width,
      ' ',
      align,
    );
  if (!/[diouxXeEfFgG]/.test(type)) throw new PyError('ValueError', `'%${type}' is not a format`);
  const number = asNumber(value);
  if (number === undefined)
    throw new PyError('TypeError', `'%${type}' needs a number, but got ${typeName(value)}`);
  const isInt = 'diouxX'.includes(type);
  if (isInt && value instanceof PyFloat && 'oxX'.includes(type)) {
    throw new PyError('TypeError', `'%${type}' needs an int, but got float`);
  }
  const shown: Value = isInt && value instanceof PyFloat ? Math.trunc(value.n) : value;
  const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const body = formatNumber(shown, asInt(shown), {
    sign,
    isAlternate: flags.includes('#'),
    grouping: '',
    precision: isInt ? undefined : precision,
    type: 'iu'.includes(type) ? 'd' : type,
  });
  const minDigits =
    isInt && precision !== undefined ? body.replace(/\d+$/, (d) => d.padStart(precision, '0')) : body;
  return flags.includes('0') && align === '>'
    ? pad(minDigits, width, '0', '=')
    : pad(minDigits, width, ' ', align);
}

/** `template.format(…)`: `look` finds a field's value by position or name. */
export function formatTemplate(template: string, look: (field: string) => Value): string {
  let automatic = 0;
  const run = (text: string, depth: number): string => {
    if (depth > 2) throw new PyError('ValueError', 'format fields are nested too deeply');
    let out = '';
    for (let i = 0; i < text.length; i++) {
      const char = text[i];
      if (char === '}' && text[i + 1] !== '}')
        throw new PyError('ValueError', "a single '}' is not allowed in a format text");
      if ((char === '{' || char === '}') && text[i + 1] === char) {
        out += char;
        i += 1;
      } else if (char === '{') {
        const end = closing(text, i);
        out += field(text.slice(i + 1, end), depth);
        i = end;
      } else out += char;
    }
    checkStringChars(out.length);
    return out;
  };
  const field = (source: string, depth: number): string => {
    const match = /^([^!:[.]*)((?:\.\w+|\[[^\]]*\])*)(?:!([rsa]))?(?::([\s\S]*))?$/.exec(source);
    if (!match) throw new PyError('ValueError', `'{${source}}' is not a format field`);
    const [, name, path, conversion, spec] = take(match, 5);
    let value = look(name === '' ? String(automatic++) : name);
    for (const step of path.matchAll(/\.(\w+)|\[([^\]]*)\]/g)) {
      if (step[1] !== undefined)
        throw new PyError('NotImplementedError', `'.${step[1]}' is not supported in a format field`);
      value = getItem(value, /^\d+$/.test(at(step, 2)) ? Number(at(step, 2)) : at(step, 2));
    }
    const shown: Value =
      conversion === 'r' || conversion === 'a' ? repr(value) : conversion === 's' ? str(value) : value;
    return formatValue(shown, spec ? run(spec, depth + 1) : '');
  };
  return run(template, 0);
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth += 1;
    else if (text[i] === '}' && --depth === 0) return i;
  }
  throw new PyError('ValueError', "a '{' in the format text is never closed");
}
