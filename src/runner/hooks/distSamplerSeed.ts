import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

/**
 * Gives the samplers of all processes the epoch's number. Here the loader takes it by itself: nothing to do, said once.
 * Source: mmcv 1.7.2 `hooks/sampler_seed.py`.
 */
export class DistSamplerSeedHook extends Hook {
  static readonly args = {};
  #told = false;

  override beforeEpoch(runner: BaseRunner): void {
    if (this.#told) return;
    this.#told = true;
    runner.logger.info(
      'DistSamplerSeedHook has nothing to do: the loader shuffles by seed and epoch, on one device',
    );
  }
}

HOOKS.registerModule()(DistSamplerSeedHook);
