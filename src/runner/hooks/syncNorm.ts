import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

interface SyncNormArgs {
  /** Epochs at the end in which it works every epoch. Default 15. */
  numLastEpochs?: number;
  /** Epochs between two times before that. Default 1. */
  interval?: number;
}

/**
 * Averages the statistics of norm layers over processes. There is one here: nothing to do, said once.
 * Source: mmdet 2.28.2 `core/hook/sync_norm_hook.py`.
 */
export class SyncNormHook extends Hook {
  static readonly args = {
    optional: ['num_last_epochs', 'interval'],
    kinds: { num_last_epochs: 'int', interval: 'int' },
  } as const satisfies ArgSpec;
  readonly numLastEpochs: number;
  /** Becomes 1 for the last epochs. */
  interval: number;
  #told = false;

  constructor(args: SyncNormArgs = {}) {
    super();
    this.numLastEpochs = args.numLastEpochs ?? 15;
    this.interval = args.interval ?? 1;
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
