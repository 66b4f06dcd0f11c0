import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/**
 * Tells the model the number of the epoch that begins, from 0.
 * Source: mmdet 2.28.2 `core/hook/set_epoch_info_hook.py`. Differs: a model that doesn't ask (has no `setEpoch`) is fine.
 */
export class SetEpochInfoHook extends Hook {
  static readonly args = {};

  override beforeTrainEpoch(runner: BaseRunner): void {
    const model: { setEpoch?: (epoch: number) => void } = runner.model as object;
    model.setEpoch?.(runner.epoch);
  }
}

HOOKS.registerModule()(SetEpochInfoHook);
