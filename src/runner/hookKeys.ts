import { invariant } from '../errors/invariant.ts';
import type { Hook } from './hooks/hook.ts';

/**
 * What checkpoints and files call each hook of a run: its name, numbered from the second of a class on.
 * @param hooks in the order in which the runner calls them
 * @example hookKeys([a, b, c]) // Map { 'CheckpointHook' => a, 'EvalHook' => b, 'CheckpointHook#2' => c }
 */
export function hookKeys(hooks: readonly Hook[]): ReadonlyMap<string, Hook> {
  const keys = new Map<string, Hook>();
  const seen = new Map<string, number>();
  for (const hook of hooks) {
    const count = (seen.get(hook.hookName) ?? 0) + 1;
    seen.set(hook.hookName, count);
    keys.set(count === 1 ? hook.hookName : `${hook.hookName}#${count}`, hook);
  }
  return keys;
}

/** The key of one of them. */
export function hookKeyOf(hooks: readonly Hook[], hook: Hook): string {
  for (const [key, one] of hookKeys(hooks)) if (one === hook) return key;
  invariant(false, `${hook.hookName} must be registered`);
}
