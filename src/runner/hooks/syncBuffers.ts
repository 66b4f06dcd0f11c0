import { declareArgs, flag, optional, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  distributed: optional(flag, true, 'Without effect: there is one device.'),
});

/**
 * Averages the model's buffers over processes. There is one here: nothing to do, said once.
 * Source: mmcv 1.7.2 `hooks/sync_buffer.py`.
 */
export class SyncBuffersHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  #told = false;

  constructor(_args: ArgsOf<typeof ARGS> = {}) {
    super();
  }

  override afterEpoch(runner: BaseRunner): void {
    if (this.#told) return;
    this.#told = true;
    runner.logger.info('SyncBuffersHook has nothing to do: the run uses one device');
  }
}

HOOKS.registerModule()(SyncBuffersHook);
