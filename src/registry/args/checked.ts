import { ConfigError } from '../../errors/trainerError.ts';
import { snakeToCamel } from '../argNames.ts';
import { withDefaults, type ArgsOf, type Complete } from './declare.ts';
import type { ArgTable, DeclaredArgs } from './types.ts';

/**
 * {@link withDefaults}, each value checked again: for classes that others extend, whose `super({ lr: … })` no config check sees.
 * @throws ConfigError with the first value that won't do
 */
export function checkedArgs<D extends ArgTable>(
  declared: DeclaredArgs<D>,
  args: NoInfer<ArgsOf<DeclaredArgs<D>>>,
): Complete<DeclaredArgs<D>> {
  const values = args as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries(declared.kinds)) {
    const value = values[snakeToCamel(name)];
    const fault = value === undefined ? null : kind.fault(value);
    if (!fault) continue;
    const subject = `${name}${fault.below}${fault.says.startsWith('=') ? '' : ' '}`;
    throw new ConfigError(`${subject}${fault.says}`, { code: fault.code, hint: fault.hint });
  }
  return withDefaults(declared, args);
}
