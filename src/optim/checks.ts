// Checks that PyTorch's optimizers make of their arguments.

import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';

/** @throws ConfigError `bad-value` unless `value` is a number of at least 0. `name` is the config's key. */
export function checkNonNegative(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw badValue(name, 'must be a number of at least 0', value);
}

/**
 * Check what every step multiplies with; schedules and constructors compute it, and one NaN ruins all weights.
 * @param group options of a parameter group
 * @param path of what made them in the config, where it is known
 * @throws ConfigError `bad-value` for an lr or weight_decay that is no number
 */
export function checkRates(group: Readonly<Record<string, unknown>>, path?: string): void {
  for (const name of ['lr', 'weight_decay']) {
    const value = group[name];
    if (value === undefined || value === null || (typeof value === 'number' && !Number.isNaN(value)))
      continue;
    throw new ConfigError(`${name} of a parameter group must be a number, but is ${plainRepr(value)}`, {
      code: 'bad-value',
      path,
      hint: `what was it computed from? A config without ${name} has none to multiply`,
    });
  }
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

/** @param path of the value in the config, where it is told apart from building the optimizer */
export function badValue(name: string, requirement: string, value: unknown, path?: string): ConfigError {
  return new ConfigError(`${name} ${requirement}, but got ${plainRepr(value)}`, { code: 'bad-value', path });
}
