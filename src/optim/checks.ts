// Checks that PyTorch's optimizers make of their arguments.

import { ConfigError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';

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

/** @param path of the value in the config, where it is told apart from building the optimizer */
export function badValue(name: string, requirement: string, value: unknown, path?: string): ConfigError {
  return new ConfigError(`${name} ${requirement}, but got ${plainRepr(value)}`, { code: 'bad-value', path });
}
