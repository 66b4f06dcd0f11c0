import { ConfigError } from '../../errors/trainerError.ts';
import { snakeToCamel } from '../argNames.ts';
import { dictWithDefaults, withDefaults, type ArgsOf, type Complete } from './declare.ts';
import { allFaults } from './kinds.ts';
import type { ArgTable, DeclaredArgs, DictOf, Kind, ValueOf } from './types.ts';

/**
 * {@link withDefaults}, each value checked again: for classes that others extend, whose `super({ lr: … })` no config check sees.
 * @param path of the dict in the config, where it is always the same
 * @throws ConfigError with the first value that won't do
 */
export function checkedArgs<D extends ArgTable>(
  declared: DeclaredArgs<D>,
  args: NoInfer<ArgsOf<DeclaredArgs<D>>>,
  path?: string,
): Complete<DeclaredArgs<D>> {
  const values = args as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries(declared.kinds)) {
    const value = values[snakeToCamel(name)];
    const fault = value === undefined ? null : kind.fault(value);
    if (!fault) continue;
    const subject = `${name}${fault.below}${fault.says.startsWith('=') ? '' : ' '}`;
    throw new ConfigError(`${subject}${fault.says}`, {
      code: fault.code,
      hint: fault.hint,
      path: path === undefined ? undefined : `${path}.${name}${fault.below}`,
    });
  }
  return withDefaults(declared, args);
}

/**
 * {@link dictWithDefaults} of a dict that nobody has checked.
 * @param subject how a message begins: `grad_clip`
 * @param path where the dict stands in the config
 * @throws ConfigError with the first thing that won't do
 */
export function checkedDict<D extends ArgTable>(
  declared: DeclaredArgs<D>,
  dict: Readonly<Record<string, unknown>>,
  subject: string,
  path = subject,
): { readonly [K in keyof D & string]: ValueOf<D[K]> } {
  for (const { below, says, code, hint, severity } of declared.faults(dict)) {
    if (severity === undefined)
      throw new ConfigError(`${subject}${below} ${says}`, { code, path: `${path}${below}`, hint });
  }
  // Just checked.
  return dictWithDefaults(declared, dict as DictOf<D>);
}

/**
 * A value that nobody has checked.
 * @param subject how a message begins: `loss_scale`
 * @throws ConfigError with the first thing that won't do
 */
export function checkedValue<T>(kind: Kind<T>, value: unknown, subject: string): T {
  const wrong = allFaults(kind, value).find(({ severity }) => severity === undefined);
  if (wrong) {
    const { below, says, code, hint } = wrong;
    throw new ConfigError(`${subject}${below} ${says}`, { code, hint });
  }
  // Just checked.
  return value as T;
}
