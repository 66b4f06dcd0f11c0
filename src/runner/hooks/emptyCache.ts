import { HOOKS } from '../../registry/registries.ts';
import { Hook } from './hook.ts';

interface EmptyCacheArgs {
  beforeEpoch?: boolean;
  afterEpoch?: boolean;
  afterIter?: boolean;
}

/**
 * Accepted for the sake of configs that have it, without effect: it empties PyTorch's cache of CUDA memory, which
 * has no counterpart here.
 * Source: mmcv 1.7.2 `hooks/memory.py`.
 */
export class EmptyCacheHook extends Hook {
  static readonly args = { optional: ['before_epoch', 'after_epoch', 'after_iter'] };

  constructor(_args: EmptyCacheArgs = {}) {
    super();
  }

  // Overridden, so that the hook table shows it where MMCV's does.
  override beforeEpoch(): void {}
  override afterIter(): void {}
  override afterEpoch(): void {}
}

HOOKS.registerModule()(EmptyCacheHook);
