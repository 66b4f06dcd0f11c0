import { snakeToCamel } from '../../registry/argNames.ts';
import { nearest } from '../../util/nearest.ts';
import { Hook } from './hook.ts';

/** Edits that still are a slip: `afterTrainIter` and `afterTrainEpoch` are further apart. */
const MOST_EDITS = 2;

/**
 * Methods of a person's hook that nothing calls, and the stage that each of them most likely means: `after_train_iter`, as
 * Python spells it, or `afterTrainEpoc`.
 * @example misspeltMethods(new MyHook()) // [['after_train_iter', 'afterTrainIter']]
 */
export function misspeltMethods(hook: Hook): [method: string, stage: string][] {
  const known = Object.getOwnPropertyNames(Hook.prototype).filter((name) => name !== 'constructor');
  const own = new Set(Object.keys(hook).filter((name) => typeof Reflect.get(hook, name) === 'function'));
  for (
    let prototype: object = Object.getPrototypeOf(hook) as object;
    prototype !== Hook.prototype;
    prototype = Object.getPrototypeOf(prototype) as object
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      if (typeof value === 'function' && name !== 'constructor') own.add(name);
  return [...own].flatMap((name): [string, string][] => {
    if (known.includes(name)) return [];
    const camel = snakeToCamel(name);
    const stage = known.includes(camel) ? camel : nearest(name, known, MOST_EDITS);
    return stage === undefined ? [] : [[name, stage]];
  });
}
