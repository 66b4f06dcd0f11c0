import { ConfigError } from '../../errors/trainerError.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { snakeToCamel } from '../../registry/argNames.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook, STAGES, type Stage } from './hook.ts';

interface ClosureArgs {
  /** A stage, such as `after_train_iter`. */
  fnName: string;
  /** Called there. A config text can't hold one: this is for hooks that are built in TypeScript. */
  fn: (runner: BaseRunner) => void | Promise<void>;
}

/**
 * Makes one function a hook.
 * Source: mmcv 1.7.2 `hooks/closure.py`.
 * @example new ClosureHook({ fnName: 'after_train_epoch', fn: (runner) => console.log(runner.epoch) })
 */
export class ClosureHook extends Hook {
  static readonly args = {
    required: ['fn_name', 'fn'],
    kinds: { fn_name: 'str' },
  } as const satisfies ArgSpec;

  /** @throws ConfigError `bad-value` or `bad-type` */
  constructor({ fnName, fn }: ClosureArgs) {
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
