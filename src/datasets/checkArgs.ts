// Checks of config values, with messages that name the argument. Paths and spans are added by buildFromCfg.

import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { above, either, listOf, number, pairOf, worded } from '../registry/index.ts';

export function badValue(name: string, requirement: string, value: unknown, hint?: string): ConfigError {
  return new ConfigError(`${name} must be ${requirement}, but got ${plainRepr(value)}`, {
    code: 'bad-value',
    hint,
  });
}

const SCALE = pairOf(above(number, 0));
/** One size (width, height), or several. */
export const IMG_SCALES = worded(
  either(SCALE, listOf(SCALE)),
  'a tuple (width, height) of positive numbers or a list of such tuples',
);

/** @returns the list of sizes that `img_scale` gives: one, or several. */
export function toImgScales(
  scales: readonly [number, number] | readonly (readonly [number, number])[],
): readonly (readonly [number, number])[] {
  const isOne = (value: typeof scales): value is readonly [number, number] => typeof value[0] === 'number';
  return isOne(scales) ? [scales] : scales;
}
