// The value encoding of the checkpoint fixtures (`__tensor__`, `__dict__`, ...) and its comparison.

import {
  countOf,
  NumpyArray,
  NumpyScalar,
  OrderedMap,
  PyFloat,
  PyObjectStub,
  TorchTensor,
  valueAt,
  type PthValue,
} from '../../src/serialization/index.ts';
import { Tuple } from '../../src/util/tuple.ts';

/** Encode a value the way the fixtures do. Strides and storage offsets are left out: reading resolves them. */
export function encodeFixture(value: PthValue): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : { __float__: nonFinite(value) };
  if (typeof value === 'bigint') return { __int__: String(value) };
  if (value instanceof PyFloat) return encodeFixture(value.value);
  if (value instanceof Uint8Array) return { __bytes__: Buffer.from(value).toString('hex') };
  if (value instanceof TorchTensor) return { __tensor__: encodeTensor(value) };
  if (value instanceof NumpyScalar)
    return { __npscalar__: { dtype: value.dtype, value: encodeNumber(value.value) } };
  if (value instanceof NumpyArray)
    return { __ndarray__: { shape: value.shape, dtype: value.dtype, data: value.data.map(encodeNumber) } };
  if (value instanceof PyObjectStub) return { __repr__: value.typeName };
  if (value instanceof Tuple) return { __tuple__: value.map(encodeFixture) };
  if (Array.isArray(value)) return value.map(encodeFixture);
  if (value instanceof Set) return { __set__: [...value].map(encodeFixture) };
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  const items = pairs.map(([key, item]) => [encodeFixture(key), encodeFixture(item as PthValue)]);
  return value instanceof OrderedMap ? { __ordereddict__: items } : { __dict__: items };
}

function encodeTensor(tensor: TorchTensor): Record<string, unknown> {
  const { shape, dtype, data, requiresGrad } = tensor;
  const values = Array.from({ length: countOf(shape) }, (_, i) => encodeNumber(valueAt(dtype, data, i)));
  return { shape, dtype, requires_grad: requiresGrad, data: values };
}

function encodeNumber(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encodeNumber);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'number' && !Number.isFinite(value) ? nonFinite(value) : value;
}

const nonFinite = (value: number): string => String(value);

// What reading resolves, so that only the fixture has it.
const RESOLVED = new Set(['stride', 'storage_offset']);

/** @returns null when equal, otherwise where the first difference is. Numbers must be equal to the last bit. */
export function sameValue(actual: unknown, expected: unknown, path = '$'): string | null {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length)
      return `${path}: ${actual.length} items, expected ${expected.length}`;
    return first(expected.keys(), (i) => sameValue(actual[i], expected[i], `${path}[${i}]`));
  }
  if (isRecord(actual) && isRecord(expected)) {
    const names = Object.keys(expected).filter((name) => !RESOLVED.has(name));
    const odd = Object.keys(actual).find((name) => !names.includes(name));
    if (odd !== undefined) return `${path}: unexpected ${odd}`;
    return first(names, (name) => sameValue(actual[name], expected[name], `${path}.${name}`));
  }
  if (typeof actual === 'number' && typeof expected === 'number')
    return Object.is(actual, expected) ? null : `${path}: ${actual}, expected ${expected}`;
  if (actual === expected) return null;
  return `${path}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
}

function first<T>(items: Iterable<T>, check: (item: T) => string | null): string | null {
  for (const item of items) {
    const difference = check(item);
    if (difference !== null) return difference;
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
