// What YAML 1.1's scalars and tags mean. Source: PyYAML 6 resolver.py, constructor.py (`yaml.Loader`, which MMCV reads with).

import { floatOfText } from '../lang/builtins.ts';
import { Opaque } from '../lang/plain.ts';
import { bytesRepr } from '../lang/repr.ts';

// PyYAML's own rules: a float needs a point, an exponent a sign; octals are 0…, not 0o…; 1:30 counts in sixties.
const FLOAT =
  /^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const INT =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const DATE = /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?.*)?$/;
const BOOL: Readonly<Record<string, boolean>> = {
  yes: true,
  no: false,
  true: true,
  false: false,
  on: true,
  off: false,
};

export interface Resolved {
  readonly value: unknown;
  readonly isFloat: boolean;
}

/** A tag or a text that PyYAML refuses. */
export class YamlTagError extends Error {}

const of = (value: unknown, isFloat = false): Resolved => ({ value, isFloat });

/** What a scalar without quotes and tag means. @throws YamlTagError for a lone `<<` or `=` */
export function resolvePlain(text: string): Resolved {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return of(null);
  if (/^(?:yes|Yes|YES|true|True|TRUE|on|On|ON|no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text))
    return of(BOOL[text.toLowerCase()] ?? false);
  if (INT.test(text)) return toInt(text);
  if (FLOAT.test(text)) return toFloat(text);
  if (DATE.test(text)) return toDate(text);
  if (text === '<<' || text === '=')
    throw new YamlTagError(`'${text}' is a value that PyYAML refuses: put quotes around it`);
  return of(text);
}

const SCALARS: Readonly<Record<string, (text: string) => Resolved>> = {
  null: () => of(null),
  bool: (text) => {
    const value = BOOL[text.toLowerCase()];
    if (value === undefined) throw new YamlTagError(`!!bool must be yes, no, true, false, on or off, but got '${text}'`);
    return of(value);
  },
  int: toInt,
  float: toFloat,
  str: of,
  binary: toBytes,
  timestamp: toDate,
  'python/none': () => of(null),
  'python/str': of,
  'python/unicode': of,
  'python/bytes': toBytes,
  'python/complex': (text) => of(new Opaque('complex', `complex('${text}')`)),
}; // prettier-ignore
const ALIASES: Readonly<Record<string, string>> = {
  'python/bool': 'bool',
  'python/int': 'int',
  'python/long': 'int',
  'python/float': 'float',
  'python/list': 'seq',
  'python/dict': 'map',
};
const CORE = 'tag:yaml.org,2002:';
const COLLECTIONS = ['seq', 'map', 'set', 'omap', 'pairs', 'python/tuple'];

/**
 * The short name of a tag that is read: `float` for `tag:yaml.org,2002:float`; undefined for none.
 * @throws YamlTagError for any other tag, and for those that would run Python code
 */
export function tagName(tag: string | undefined): string | undefined {
  if (tag === undefined || tag === '' || tag === '!') return undefined;
  const short = tag.startsWith(CORE) ? tag.slice(CORE.length) : null;
  if (short !== null && /^python\/(?:object|name|module)/.test(short)) {
    throw new YamlTagError(
      `!!${short} would run Python code when the file is read, and a config only describes values`,
    );
  }
  const name = short === null ? undefined : (ALIASES[short] ?? short);
  if (name === undefined || !(Object.hasOwn(SCALARS, name) || COLLECTIONS.includes(name)))
    throw new YamlTagError(`the tag ${short === null ? tag : `!!${short}`} must be one of YAML 1.1's own`);
  return name;
}

/** A tagged scalar. @throws YamlTagError when its text doesn't fit, or the tag is of a collection */
export function resolveTagged(name: string, text: string): Resolved {
  const read = Object.hasOwn(SCALARS, name) ? SCALARS[name] : undefined;
  if (!read) throw new YamlTagError(`!!${name} must be a collection, but got '${text}'`);
  return read(text);
}

/** @throws YamlTagError when the tag is of a scalar, or of another kind of collection */
export function checkCollection(name: string | undefined, kind: 'seq' | 'map'): void {
  const kinds: Readonly<Record<string, 'seq' | 'map'>> = {
    seq: 'seq', map: 'map', set: 'map', omap: 'seq', pairs: 'seq', 'python/tuple': 'seq',
  }; // prettier-ignore
  if (name !== undefined && kinds[name] !== kind)
    throw new YamlTagError(`!!${name} must not be a ${kind === 'seq' ? 'list' : 'dict'}`);
}

const signOf = (text: string): [number, string] => [text.startsWith('-') ? -1 : 1, text.replace(/^[-+]/, '')];

function toInt(text: string): Resolved {
  const [sign, digits] = signOf(text.replaceAll('_', ''));
  const isOctal = /^0[0-7]+$/.test(digits);
  const parts = digits.split(':');
  const isGood = isOctal || /^(?:0b[01]+|0x[0-9a-fA-F]+|\d+(?::\d+)*)$/.test(digits);
  if (!isGood) throw new YamlTagError(`!!int must be a whole number, but got '${text}'`);
  const size =
    parts.length > 1
      ? parts.reduce((sum, part) => sum * 60n + BigInt(part), 0n)
      : BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  const value = sign < 0 ? -size : size;
  return of(Number.isSafeInteger(Number(value)) ? Number(value) : value);
}

function toFloat(text: string): Resolved {
  const [sign, digits] = signOf(text.replaceAll('_', '').toLowerCase());
  if (digits === '.inf') return of(sign * Infinity, true);
  if (digits === '.nan') return of(NaN, true);
  const parts = digits.split(':').map(floatOfText);
  let size = 0;
  for (const part of parts) {
    if (part === undefined) throw new YamlTagError(`!!float must be a number, but got '${text}'`);
    size = size * 60 + part;
  }
  return of(sign * size, true);
}

function toBytes(text: string): Resolved {
  // As Python's base64: what is no digit is left out.
  const digits = text.replace(/[^A-Za-z0-9+/]/g, '');
  if (digits.length % 4 === 1) throw new YamlTagError(`!!binary must be base64, but got '${text}'`);
  return of(new Opaque('bytes', bytesRepr(atob(digits))));
}

/** A day or a time as the call that makes it, which a dump can show. */
function toDate(text: string): Resolved {
  const found = /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(.*))?$/.exec(text);
  if (!found) throw new YamlTagError(`!!timestamp must be a day such as 2001-12-14, but got '${text}'`);
  return of(new Opaque(found[4] === undefined ? 'date' : 'datetime', text));
}
