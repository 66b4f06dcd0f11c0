import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  STATE_AVERAGE_ARGS,
  STATE_AVERAGE_KINDS,
  StateAverageHook,
  type StateAverageArgs,
} from './stateAverage.ts';

interface LinearMomentumArgs extends StateAverageArgs {
  /** Positive; slows the first iterations down. Default 100. */
  warmUp?: number;
}

/**
 * Averages with m = min(momentum^interval, (1 + i) / (warm_up + i)).
 * Source: mmdet 2.28.2 `core/hook/ema.py`.
 */
export class LinearMomentumEMAHook extends StateAverageHook {
  static readonly args = {
    optional: [...STATE_AVERAGE_ARGS, 'warm_up'],
    kinds: { ...STATE_AVERAGE_KINDS, warm_up: 'positive number' },
  } as const satisfies ArgSpec;
  readonly warmUp: number;

  constructor(args: LinearMomentumArgs = {}) {
    super(args);
    this.warmUp = args.warmUp ?? 100;
  }

  protected override curve(iter: number): number {
    return Math.min(this.momentum ** this.interval, (1 + iter) / (this.warmUp + iter));
  }
}

HOOKS.registerModule()(LinearMomentumEMAHook);
