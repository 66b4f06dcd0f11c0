import { UserCodeError } from '../errors/trainerError.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { placeOfClass, type ClassWithArgs } from '../registry/constructorArgs.ts';
import { Hook } from '../runner/hooks/hook.ts';

/**
 * Build the hook that a config dict describes.
 * @param path of the dict in the config
 * @param defaultArgs arguments, and the type, that the dict may override
 * @throws UserCodeError `not-a-hook` at the class of the person's that is none
 */
export function buildHook(
  cfg: unknown,
  path: string,
  context: BuildContext,
  defaultArgs?: Record<string, unknown>,
): Hook {
  const built = context.build<object>('HOOKS', cfg, path, defaultArgs);
  if (built instanceof Hook) return built;
  const module = built.constructor as unknown as ClassWithArgs;
  throw new UserCodeError(`${module.name} must extend Hook, but doesn't`, {
    code: 'not-a-hook',
    path,
    span: placeOfClass(module),
    hint: `import { Hook } from 'tabtrain' and write class ${module.name} extends Hook`,
  });
}
