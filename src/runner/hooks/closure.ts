import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { snakeToCamel } from '../../registry/argNames.ts';
import { declareArgs, kindOf, required, str, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook, STAGES, type Stage } from './hook.ts';

const ARGS = declareArgs({
  fn_name: required(str, 'A stage, such as after_train_iter.'),
  fn: required(
    kindOf<(runner: BaseRunner) => void | Promise<void>>(
      'function',
      'a function',
      (value) => typeof value === 'function',
    ),
    "Called there; a config's text can't hold one, TypeScript can.",
  ),
});

/**
 * Makes one function a hook.
 * Source: mmcv 1.7.2 `hooks/closure.py`.
 * @example new ClosureHook({ fnName: 'after_train_epoch', fn: (runner) => console.log(runner.epoch) })
 */
export class ClosureHook extends Hook {
  static readonly args: ArgSpec = ARGS;

  /** @throws ConfigError `bad-value` or `bad-type` */
  constructor({ fnName, fn }: ArgsOf<typeof ARGS>) {
    super();
    const name = snakeToCamel(fnName);
    const stages: readonly string[] = [...STAGES, 'beforeEpoch', 'afterEpoch', 'beforeIter', 'afterIter'];
    if (!stages.includes(name)) {
      throw new ConfigError(`fn_name must be a stage of hooks, but got ${plainRepr(fnName)}`, {
        code: 'bad-value',
        hint: `the stages are ${STAGES.map((s) => s.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)).join(', ')}`,
      });
    }
    if (typeof fn !== 'function')
      throw new ConfigError(`fn must be a function, but got ${typeof fn}`, { code: 'bad-type' });
    this[name as Stage] = fn;
  }
}

HOOKS.registerModule()(ClosureHook);
