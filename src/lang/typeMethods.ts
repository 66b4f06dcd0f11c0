// What is called on a type instead of on a value: class methods (`dict.fromkeys`), and methods with the value as their first
// argument (`str.upper('a')`).

import { bind } from './callArgs.ts';
import { asInt } from './numbers.ts';
import { methodOf } from './methods.ts';
import { PyError } from './pyError.ts';
import { iterate } from './sequences.ts';
import { type BuiltinBody, type CallArgs, PyBytes, PyDict, PyFloat, typeName, type Value } from './values.ts';

const CLASS_METHODS: Readonly<Record<string, BuiltinBody>> = {
  'dict.fromkeys': (args) => {
    const [keys = null, value = null] = bind(args, 'fromkeys', ['iterable', 'value'], 1);
    const dict = new PyDict();
    for (const key of iterate(keys)) dict.set(key.v, value, args.range, key.r);
    return dict;
  },
  'float.fromhex': (args) => new PyFloat(fromHex(textOf(args, 'fromhex'))),
  'bytes.fromhex': (args) => {
    const text = textOf(args, 'fromhex').replace(/\s+/g, '');
    if (!/^([0-9a-f]{2})*$/i.test(text))
      throw new PyError('ValueError', 'bytes.fromhex() needs pairs of hexadecimal digits');
    return new PyBytes(text.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16))));
  },
  'int.from_bytes': (args) => {
    const names = ['bytes', 'byteorder', '*', 'signed'];
    const [bytes = null, order = 'big', signed = false] = bind(args, 'from_bytes', names, 1);
    const values = iterate(bytes).map((cell) => BigInt(asInt(cell.v) ?? 0));
    if (order === 'little') values.reverse();
    else if (order !== 'big') throw new PyError('ValueError', "byteorder must be 'little' or 'big'");
    let int = values.reduce((sum, byte) => (sum << 8n) | byte, 0n);
    if (signed === true && values.length > 0 && int >> BigInt(8 * values.length - 1))
      int -= 1n << BigInt(8 * values.length);
    return Number.isSafeInteger(Number(int)) ? Number(int) : int;
  },
};

/**
 * The method that `type.name` means.
 * @param type such as `dict`
 * @returns undefined where the type has none
 */
export function typeMethodOf(type: string, name: string): BuiltinBody | undefined {
  const classMethod = CLASS_METHODS[`${type}.${name}`];
  if (classMethod) return classMethod;
  const example = EXAMPLES[type];
  if (example === undefined || !methodOf(example, name)) return undefined;
  return (args) => {
    const [self, ...pos] = args.pos;
    const method = self && typeName(self.v) === type ? methodOf(self.v, name) : undefined;
    if (!method) {
      const got = self ? `a ${typeName(self.v)}` : 'nothing';
      throw new PyError('TypeError', `${type}.${name}() needs a ${type} as its first value, but got ${got}`);
    }
    return method({ ...args, pos });
  };
}

/** A value of each type with methods. */
const EXAMPLES: Readonly<Record<string, Value>> = {
  str: '',
  int: 0,
  dict: new PyDict(),
  bytes: new PyBytes(''),
};

function textOf(args: CallArgs, name: string): string {
  const [text = null] = bind(args, name, ['string'], 1);
  if (typeof text === 'string') return text;
  throw new PyError('TypeError', `${name}() needs a str, but got a ${typeName(text)}`);
}

/** `-0x1.8p3`: Python's hexadecimal floats. */
function fromHex(text: string): number {
  const named = /^\s*([+-]?)(inf(?:inity)?|nan)\s*$/i.exec(text);
  if (named) return (named[1] === '-' ? -1 : 1) * (/nan/i.test(named[2] ?? '') ? NaN : Infinity);
  const match = /^\s*([+-]?)(?:0x)?([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?\s*$/i.exec(text);
  const [, sign, whole = '', part = '', exponent = '0'] = match ?? [];
  if (!match || whole + part === '')
    throw new PyError('ValueError', `'${text}' is not a hexadecimal floating-point number`);
  const value = Number(BigInt(`0x${whole}${part}`)) * 2 ** (Number(exponent) - 4 * part.length);
  return sign === '-' ? -value : value;
}
