// Checks that PyTorch's optimizers make of their arguments.

import { ConfigError } from '../errors/trainerError.ts';

/** @throws ConfigError `bad-value` unless `value` is a number of at least 0. `name` is the config's key. */
export function checkNonNegative(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw badValue(name, 'must be a number of at least 0', value);
}

/** {@link checkNonNegative} for each of the config's keys. @throws ConfigError `bad-value` */
export function checkAllNonNegative(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) checkNonNegative(name, value);
}

/** @throws ConfigError `bad-value` unless both are in [0, 1) */
export function checkBetas(betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2) throw badValue('betas', 'must be two numbers', betas);
  betas.forEach((beta, i) => {
    if (!(typeof beta === 'number' && beta >= 0 && beta < 1)) {
      throw badValue(`betas[${i}]`, 'must be in [0, 1)', beta);
    }
  });
}

export function badValue(name: string, requirement: string, value: unknown): ConfigError {
  return new ConfigError(`${name} ${requirement}, but got ${JSON.stringify(value)}`, { code: 'bad-value' });
}
