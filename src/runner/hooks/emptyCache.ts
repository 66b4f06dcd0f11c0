import { trimMemory } from '../../gpu/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { Hook } from './hook.ts';

interface EmptyCacheArgs {
  /** Default false. */
  beforeEpoch?: boolean;
  /** Default true. */
  afterEpoch?: boolean;
  /** Default false. */
  afterIter?: boolean;
}

/**
 * Gives GPU buffers that are kept for the next tensor of their size back to the device, as PyTorch's `empty_cache`.
 * Source: mmcv 1.7.2 `hooks/memory.py`.
 */
export class EmptyCacheHook extends Hook {
  static readonly args = {
    optional: ['before_epoch', 'after_epoch', 'after_iter'],
    kinds: { before_epoch: 'bool', after_epoch: 'bool', after_iter: 'bool' },
  } as const satisfies ArgSpec;
  readonly #beforeEpoch: boolean;
  readonly #afterEpoch: boolean;
  readonly #afterIter: boolean;

  constructor({ beforeEpoch = false, afterEpoch = true, afterIter = false }: EmptyCacheArgs = {}) {
    super();
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
