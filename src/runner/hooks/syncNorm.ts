import { declareArgs, int, optional, withDefaults, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  num_last_epochs: optional(int, 15, 'At the end, in which it works every epoch.', 'epochs'),
  interval: optional(int, 1, 'How often it works before that.', 'epochs'),
});

/**
 * Averages the statistics of norm layers over processes. There is one here: nothing to do, said once.
 * Source: mmdet 2.28.2 `core/hook/sync_norm_hook.py`.
 */
export class SyncNormHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly numLastEpochs: number;
  /** Becomes 1 for the last epochs. */
  interval: number;
  #told = false;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    const { numLastEpochs, interval } = withDefaults(ARGS, args);
    this.numLastEpochs = numLastEpochs;
    this.interval = interval;
  }

  override beforeTrainEpoch(runner: BaseRunner): void {
    if (runner.epoch + 1 === (runner.maxEpochs ?? 0) - this.numLastEpochs) this.interval = 1;
  }

  override afterTrainEpoch(runner: BaseRunner): void {
    if (this.#told || !this.everyNEpochs(runner, this.interval)) return;
    this.#told = true;
    runner.logger.info('SyncNormHook has nothing to do: the run uses one device');
  }
}

HOOKS.registerModule()(SyncNormHook);
