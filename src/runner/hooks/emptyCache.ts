import { trimMemory } from '../../gpu/index.ts';
import { declareArgs, flag, optional, withDefaults, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { Hook } from './hook.ts';

const ARGS = declareArgs({
  before_epoch: optional(flag, false, 'Before each epoch.'),
  after_epoch: optional(flag, true, 'After each epoch.'),
  after_iter: optional(flag, false, 'After each iteration.'),
});

/**
 * Gives GPU buffers that are kept for the next tensor of their size back to the device, as PyTorch's `empty_cache`.
 * Source: mmcv 1.7.2 `hooks/memory.py`.
 */
export class EmptyCacheHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly #beforeEpoch: boolean;
  readonly #afterEpoch: boolean;
  readonly #afterIter: boolean;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    const { beforeEpoch, afterEpoch, afterIter } = withDefaults(ARGS, args);
    this.#beforeEpoch = beforeEpoch;
    this.#afterEpoch = afterEpoch;
    this.#afterIter = afterIter;
  }

  override beforeEpoch(): void {
    if (this.#beforeEpoch) trimMemory();
  }
  override afterIter(): void {
    if (this.#afterIter) trimMemory();
  }
  override afterEpoch(): void {
    if (this.#afterEpoch) trimMemory();
  }
}

HOOKS.registerModule()(EmptyCacheHook);
