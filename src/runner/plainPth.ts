import { NumpyScalar, PyFloat, type PthValue } from '../serialization/pth/index.ts';

/** A checkpoint's dicts as plain objects, its floats as numbers; what has no plain form stays as it is. */
export function plainPth(value: PthValue | undefined): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([k, v]) => [String(k), plainPth(v as PthValue)]));
  if (value instanceof PyFloat || value instanceof NumpyScalar) return Number(value.valueOf());
  if (Array.isArray(value)) return value.map((v) => plainPth(v as PthValue));
  return value;
}

/** True for what {@link plainPth} made plain throughout: JSON and a later checkpoint can hold it. */
export function isPlainPth(value: unknown): boolean {
  if (value === null || ['boolean', 'number', 'string'].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isPlainPth);
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value as object).every(isPlainPth);
}
