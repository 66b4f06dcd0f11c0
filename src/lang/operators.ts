// Binary operators, comparison and equality with Python's semantics.

import type { BinaryOp, CompareOp } from './ast.ts';
import { formatPercent } from './format.ts';
import { checkStringChars, spend } from './limits.ts';
import { arithmetic, asInt, asNumber } from './numbers.ts';
import { PyError } from './pyError.ts';
import { iterate } from './sequences.ts';
import {
  type Cell,
  PyBuiltin,
  PyBytes,
  PyDict,
  PyException,
  PyFloat,
  PyList,
  PyRange,
  PySet,
  PyTuple,
  typeName,
  type Value,
} from './values.ts';
import { at } from '../util/at.ts';

const MAX_COMPARE_DEPTH = 200;

/** `left op right`. @throws PyError TypeError when the types don't go together */
export function binary(op: BinaryOp, left: Value, right: Value): Value {
  const number = arithmetic(op, left, right);
  if (number !== undefined) return number;
  const other = sequenceOperation(op, left, right);
  if (other !== undefined) return other;
  throw new PyError('TypeError', `'${op}' can not join ${typeName(left)} and ${typeName(right)}`, {
    hint: joinHint(op, left, right),
  });
}

function joinHint(op: BinaryOp, left: Value, right: Value): string | undefined {
  if (op === '+' && (typeof left === 'string') !== (typeof right === 'string'))
    return 'turn the other into text with str(…)';
  if (op === '+' && left instanceof PyDict && right instanceof PyDict) return 'join dicts with dict(a, **b)';
  const pair = [typeName(left), typeName(right)].sort().join();
  if (op === '+' && pair === 'list,tuple') return 'turn one into the other with list(…) or tuple(…)';
  return undefined;
}

function sequenceOperation(op: BinaryOp, left: Value, right: Value): Value | undefined {
  switch (op) {
    case '+':
      if (typeof left === 'string' && typeof right === 'string') {
        checkStringChars(left.length + right.length);
        return left + right;
      }
      if (left instanceof PyList && right instanceof PyList)
        return new PyList(concat(left.items, right.items));
      if (left instanceof PyTuple && right instanceof PyTuple)
        return new PyTuple(concat(left.items, right.items));
      if (left instanceof PyBytes && right instanceof PyBytes) return new PyBytes(left.latin1 + right.latin1);
      return undefined;
    case '*': {
      const times = asInt(right);
      if (times !== undefined) return repeat(left, Number(times));
      const timesLeft = asInt(left);
      return timesLeft === undefined ? undefined : repeat(right, Number(timesLeft));
    }
    case '%':
      return typeof left === 'string' ? formatPercent(left, right) : undefined;
    case '|':
      if (left instanceof PyDict && right instanceof PyDict) {
        const joined = new PyDict();
        for (const e of [...left.entries(), ...right.entries()]) joined.set(e.key, e.v, e.r, e.k);
        return joined;
      }
      if (left instanceof PySet && right instanceof PySet) {
        return new PySet([...left.map.values(), ...right.map.values()], left.isFrozen);
      }
      return undefined;
    case '&':
    case '-':
    case '^':
      return left instanceof PySet && right instanceof PySet ? setOperation(op, left, right) : undefined;
    default:
      return undefined;
  }
}

function setOperation(op: '&' | '-' | '^', left: PySet, right: PySet): PySet {
  const fromLeft = [...left.map.values()].filter((c) => right.has(c.v) === (op === '&'));
  const fromRight = op === '^' ? [...right.map.values()].filter((c) => !left.has(c.v)) : [];
  return new PySet([...fromLeft, ...fromRight], left.isFrozen);
}

function concat(a: readonly Cell[], b: readonly Cell[]): Cell[] {
  spend(a.length + b.length);
  // Cells are copied: assigning to an entry of one list must not change the other.
  return [...a, ...b].map((cell) => ({ ...cell }));
}

function repeat(value: Value, times: number): Value | undefined {
  const count = Math.max(0, times);
  if (typeof value === 'string') {
    checkStringChars(value.length * count);
    return value.repeat(value === '' ? 0 : count);
  }
  if (value instanceof PyBytes) {
    checkStringChars(value.latin1.length * count);
    return new PyBytes(value.latin1.repeat(value.latin1 === '' ? 0 : count));
  }
  if (!(value instanceof PyList || value instanceof PyTuple)) return undefined;
  spend(value.items.length * count);
  const items: Cell[] = [];
  if (value.items.length > 0) {
    for (let i = 0; i < count; i++) for (const cell of value.items) items.push({ ...cell });
  }
  return value instanceof PyList ? new PyList(items) : new PyTuple(items);
}

/** `left op right` for comparison operators. */
export function compare(op: CompareOp, left: Value, right: Value): boolean {
  switch (op) {
    case '==':
      return equals(left, right);
    case '!=':
      return !equals(left, right);
    case 'is':
      return isSame(left, right);
    case 'is not':
      return !isSame(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    default:
      return ordered(op, left, right);
  }
}

function isSame(left: Value, right: Value): boolean {
  if (left instanceof PyTuple && right instanceof PyTuple && left.items.length + right.items.length === 0)
    return true;
  return left === right;
}

/** Python's `==`. */
export function equals(left: Value, right: Value, depth = 0): boolean {
  spend(1);
  if (depth > MAX_COMPARE_DEPTH)
    throw new PyError('RecursionError', 'values are nested too deeply to be compared');
  const x = asNumber(left);
  const y = asNumber(right);
  if (x !== undefined && y !== undefined) {
    const a = asInt(left);
    const b = asInt(right);
    return a !== undefined && b !== undefined ? a === b : x === y;
  }
  if (left instanceof PyList && right instanceof PyList) return equalCells(left.items, right.items, depth);
  if (left instanceof PyTuple && right instanceof PyTuple) return equalCells(left.items, right.items, depth);
  if (left instanceof PyDict && right instanceof PyDict) {
    if (left.map.size !== right.map.size) return false;
    for (const [hash, entry] of left.map) {
      const other = right.map.get(hash);
      if (!other || !equals(entry.v, other.v, depth + 1)) return false;
    }
    return true;
  }
  if (left instanceof PySet && right instanceof PySet) {
    return left.map.size === right.map.size && [...left.map.keys()].every((key) => right.map.has(key));
  }
  if (left instanceof PyBytes && right instanceof PyBytes) return left.latin1 === right.latin1;
  if (left instanceof PyRange && right instanceof PyRange) {
    return equalCells(iterate(left), iterate(right), depth);
  }
  if (left instanceof PyBuiltin && right instanceof PyBuiltin) return left.name === right.name;
  if (left instanceof PyException && right instanceof PyException && left.message === null) {
    return right.message === null && left.name === right.name;
  }
  return left === right;
}

function equalCells(a: readonly Cell[], b: readonly Cell[], depth: number): boolean {
  return a.length === b.length && a.every((cell, i) => equals(cell.v, at(b, i).v, depth + 1));
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    if (typeof item === 'string') return container.includes(item);
    throw new PyError('TypeError', `'in' a str needs a str on its left, but got ${typeName(item)}`);
  }
  if (container instanceof PyDict) return container.get(item) !== undefined;
  if (container instanceof PySet) return container.has(item);
  return iterate(container).some((cell) => equals(cell.v, item));
}

function ordered(op: '<' | '>' | '<=' | '>=', left: Value, right: Value): boolean {
  if (left instanceof PySet && right instanceof PySet) {
    const [small, large] = op[0] === '<' ? [left, right] : [right, left];
    const isSubset = [...small.map.keys()].every((key) => large.map.has(key));
    return isSubset && (op.length === 2 || small.map.size < large.map.size);
  }
  if (
    (left instanceof PyFloat && Number.isNaN(left.n)) ||
    (right instanceof PyFloat && Number.isNaN(right.n))
  ) {
    return false;
  }
  const sign = order(left, right, op);
  switch (op) {
    case '<':
      return sign < 0;
    case '>':
      return sign > 0;
    case '<=':
      return sign <= 0;
    case '>=':
      return sign >= 0;
  }
}

/** Negative, zero or positive as `left` sorts before, with or after `right`. @throws PyError TypeError for unordered types */
export function order(left: Value, right: Value, op = '<'): number {
  spend(1);
  const a = asInt(left);
  const b = asInt(right);
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : 0;
  const x = asNumber(left);
  const y = asNumber(right);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0;
  if (typeof left === 'string' && typeof right === 'string') return orderText(left, right);
  if (
    (left instanceof PyList && right instanceof PyList) ||
    (left instanceof PyTuple && right instanceof PyTuple)
  ) {
    const n = Math.min(left.items.length, right.items.length);
    for (let i = 0; i < n; i++) {
      if (!equals(at(left.items, i).v, at(right.items, i).v))
        return order(at(left.items, i).v, at(right.items, i).v, op);
    }
    return left.items.length - right.items.length;
  }
  throw new PyError('TypeError', `'${op}' can not compare ${typeName(left)} with ${typeName(right)}`);
}

/** By code point, as Python sorts; JavaScript compares code units. */
function orderText(a: string, b: string): number {
  if (a === b) return 0;
  if (!/[\ud800-\udfff]/.test(a + b)) return a < b ? -1 : 1;
  const left = Array.from(a, (c) => c.codePointAt(0) ?? 0);
  const right = Array.from(b, (c) => c.codePointAt(0) ?? 0);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return at(left, i) - at(right, i);
  }
  return left.length - right.length;
}
