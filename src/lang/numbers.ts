// Integer and float arithmetic with Python's results: exact ints of any size, floor division, the sign rules of `%`.

import { MAX_INT_BITS } from './limits.ts';
import { PyError } from './pyError.ts';
import { PyFloat, type Value } from './values.ts';
import type { BinaryOp } from './ast.ts';

/** A Python int. */
export type Int = number | bigint;

/** The int of an int or bool, undefined for anything else. */
export function asInt(value: Value): Int | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return undefined;
}

/** The number of an int, bool or float, undefined for anything else. */
export function asNumber(value: Value): number | undefined {
  if (value instanceof PyFloat) return value.n;
  const int = asInt(value);
  return int === undefined ? undefined : Number(int);
}

/** The value as an index-sized int. @throws PyError TypeError when it isn't an int */
export function indexOf(value: Value, what: string): number {
  const int = asInt(value);
  if (int === undefined) throw new PyError('TypeError', `${what} must be an int`);
  return Number(int);
}

const divisionByZero = (): PyError => new PyError('ZeroDivisionError', 'division by zero');

/** Arithmetic on two numbers; undefined when either isn't one or the operator isn't arithmetic. */
export function arithmetic(op: BinaryOp, left: Value, right: Value): Value | undefined {
  const a = asInt(left);
  const b = asInt(right);
  if (a !== undefined && b !== undefined) {
    if (typeof left === 'boolean' && typeof right === 'boolean' && (op === '&' || op === '|' || op === '^')) {
      return op === '&' ? left && right : op === '|' ? left || right : left !== right;
    }
    return intArithmetic(op, a, b);
  }
  const x = asNumber(left);
  const y = asNumber(right);
  if (x === undefined || y === undefined) return undefined;
  return floatArithmetic(op, x, y);
}

function intArithmetic(op: BinaryOp, a: Int, b: Int): Value | undefined {
  switch (op) {
    case '+':
      return exact(a, b, Number(a) + Number(b), (x, y) => x + y);
    case '-':
      return exact(a, b, Number(a) - Number(b), (x, y) => x - y);
    case '*':
      checkBits(bitLength(a) + bitLength(b));
      return exact(a, b, Number(a) * Number(b), (x, y) => x * y);
    case '/': {
      if (Number(b) === 0) throw divisionByZero();
      const n = Number(a) / Number(b);
      if (!Number.isFinite(n)) throw new PyError('OverflowError', 'the result of / is too large for a float');
      return new PyFloat(n);
    }
    case '//':
      return floorDivide(a, b).quotient;
    case '%':
      return floorDivide(a, b).remainder;
    case '**':
      return intPower(a, b);
    case '&':
      return smallest(BigInt(a) & BigInt(b));
    case '|':
      return smallest(BigInt(a) | BigInt(b));
    case '^':
      return smallest(BigInt(a) ^ BigInt(b));
    case '<<':
    case '>>': {
      if (Number(b) < 0) throw new PyError('ValueError', `a shift must not be negative, got ${b}`);
      if (op === '<<') checkBits(bitLength(a) + Number(b));
      if (op === '>>' && Number(b) > MAX_INT_BITS) return Number(a) < 0 ? -1 : 0;
      return smallest(op === '<<' ? BigInt(a) << BigInt(b) : BigInt(a) >> BigInt(b));
    }
    default:
      return undefined;
  }
}

function exact(a: Int, b: Int, quick: number, slow: (x: bigint, y: bigint) => bigint): Int {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(quick)) return quick + 0;
  return smallest(slow(BigInt(a), BigInt(b)));
}

function floorDivide(a: Int, b: Int): { quotient: Int; remainder: Int } {
  if (Number(b) === 0) throw divisionByZero();
  if (typeof a === 'number' && typeof b === 'number') {
    const remainder = ((a % b) + b) % b;
    // "+ 0" turns -0 into 0: ints have no negative zero.
    return { quotient: (a - remainder) / b + 0, remainder: remainder + 0 };
  }
  const x = BigInt(a);
  const y = BigInt(b);
  const remainder = ((x % y) + y) % y;
  return { quotient: smallest((x - remainder) / y), remainder: smallest(remainder) };
}

function intPower(a: Int, b: Int): Value {
  if (Number(b) < 0) {
    if (Number(a) === 0) throw new PyError('ZeroDivisionError', '0 can not be raised to a negative power');
    return new PyFloat(Number(a) ** Number(b));
  }
  if (Math.abs(Number(a)) > 1) checkBits(bitLength(a) * Number(b));
  return smallest(
    BigInt(a) ** (Math.abs(Number(a)) > 1 ? BigInt(b) : BigInt(Number(b) % 2 === 0 && Number(b) > 0 ? 2 : b)),
  );
}

function bitLength(a: Int): number {
  if (typeof a === 'number') return a === 0 ? 0 : Math.floor(Math.log2(Math.abs(a))) + 1;
  return a.toString(16).length * 4;
}

function checkBits(bits: number): void {
  if (bits > MAX_INT_BITS) {
    throw new PyError(
      'MemoryError',
      `an int must have at most ${MAX_INT_BITS} bits, but this one needs about ${bits}`,
    );
  }
}

function floatArithmetic(op: BinaryOp, x: number, y: number): Value | undefined {
  switch (op) {
    case '+':
      return new PyFloat(x + y);
    case '-':
      return new PyFloat(x - y);
    case '*':
      return new PyFloat(x * y);
    case '/':
      if (y === 0) throw divisionByZero();
      return new PyFloat(x / y);
    case '//':
    case '%': {
      if (y === 0) throw divisionByZero();
      let remainder = x % y;
      if (remainder !== 0 && remainder < 0 !== y < 0) remainder += y;
      if (op === '%') return new PyFloat(remainder === 0 ? (y < 0 ? -0 : 0) : remainder);
      const quotient = (x - remainder) / y;
      // The division may be off by a rounding; the exact quotient is a whole number.
      const floor = Math.floor(quotient);
      return new PyFloat(quotient - floor > 0.5 ? floor + 1 : floor);
    }
    case '**':
      if (x === 0 && y < 0)
        throw new PyError('ZeroDivisionError', '0.0 can not be raised to a negative power');
      if (x < 0 && Number.isFinite(y) && !Number.isInteger(y)) {
        throw new PyError(
          'ValueError',
          'a negative number raised to a fraction is complex, which is not supported',
        );
      }
      return new PyFloat(x === 1 || y === 0 ? 1 : x ** y);
    default:
      return undefined;
  }
}

/**
 * The exact decimal of `x`, rounded half to even at `digits` places after the point (negative: before it).
 * JavaScript's toFixed rounds ties up, Python's `round` and `'%.2f'` round them to even.
 * @returns the digits without an exponent, such as '-2.50'
 */
export function fixed(x: number, digits: number): string {
  if (!Number.isFinite(x)) return x !== x ? 'nan' : x > 0 ? 'inf' : '-inf';
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, Math.abs(x));
  const raw = bits.getBigUint64(0);
  const biased = Number(raw >> 52n);
  const mantissa = (raw & 0xfffffffffffffn) | (biased === 0 ? 0n : 0x10000000000000n);
  const exponent = Math.max(biased, 1) - 1075;
  let numerator = mantissa * (exponent > 0 ? 1n << BigInt(exponent) : 1n);
  let denominator = exponent < 0 ? 1n << BigInt(-exponent) : 1n;
  if (digits >= 0) numerator *= 10n ** BigInt(digits);
  else denominator *= 10n ** BigInt(-digits);
  let quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient += 1n;
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  if (digits <= 0) return sign + (quotient === 0n ? '0' : `${quotient}${'0'.repeat(-digits)}`);
  const text = quotient.toString().padStart(digits + 1, '0');
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `round(int, digits)` for negative digits: half to even. */
export function roundInt(a: Int, digits: number): Int {
  if (digits >= 0) return a;
  if (-digits > 400) return 0;
  const unit = 10n ** BigInt(-digits);
  const x = BigInt(a);
  const below = ((x % unit) + unit) % unit;
  let quotient = (x - below) / unit;
  if (below * 2n > unit || (below * 2n === unit && quotient % 2n !== 0n)) quotient += 1n;
  return smallest(quotient * unit);
}

/** An int as a number when exact, otherwise a bigint. */
export function smallest(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}
