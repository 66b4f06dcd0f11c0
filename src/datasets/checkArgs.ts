// Checks of config values, with messages that name the argument. Paths and spans are added by buildFromCfg.

import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';

export function badValue(name: string, requirement: string, value: unknown, hint?: string): ConfigError {
  return new ConfigError(`${name} must be ${requirement}, but got ${plainRepr(value)}`, {
    code: 'bad-value',
    hint,
  });
}

/** Refuse an argument that is known but not built; `harmless` values pass. */
export function refuseUnsupported(name: string, value: unknown, harmless: readonly unknown[] = []): void {
  if (value === undefined || value === null || harmless.includes(value)) return;
  throw new ConfigError(`${name}=${plainRepr(value)} is not supported`, {
    code: 'unsupported',
    hint: `leave ${name} out`,
  });
}

export function isNumberList(value: unknown, length?: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.every((v) => typeof v === 'number') &&
    (length === undefined || value.length === length)
  );
}

/** @returns the list of sizes that `img_scale` gives: one tuple, or a list of tuples. */
export function toImgScales(value: unknown, name: string): (readonly [number, number])[] {
  const list = isNumberList(value) ? [value] : value;
  const isGood = (scale: unknown): scale is [number, number] =>
    isNumberList(scale, 2) && scale.every((v) => v > 0);
  if (!Array.isArray(list) || list.length === 0 || !list.every(isGood)) {
    throw badValue(name, 'a tuple (width, height) of positive numbers or a list of such tuples', value);
  }
  return list;
}
