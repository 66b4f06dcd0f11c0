import { UserModules } from '../usercode/userModules.ts';

/** A person's own modules, whose `import … from 'tabtrain'` means this build of it. */
export function createUserModules(): UserModules {
  return new UserModules(async (context) => (await import('./builtins.ts')).makeBuiltins(context));
}
