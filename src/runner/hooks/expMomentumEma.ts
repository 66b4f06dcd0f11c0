import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  STATE_AVERAGE_ARGS,
  STATE_AVERAGE_KINDS,
  StateAverageHook,
  type StateAverageArgs,
} from './stateAverage.ts';

interface ExpMomentumArgs extends StateAverageArgs {
  /** Positive; iterations in which m falls by e. Default 2000. */
  totalIter?: number;
}

/**
 * Averages with m = (1 - momentum) exp(-(1 + i) / total_iter) + momentum, as YOLOX.
 * Source: mmdet 2.28.2 `core/hook/ema.py`.
 */
export class ExpMomentumEMAHook extends StateAverageHook {
  static readonly args = {
    optional: [...STATE_AVERAGE_ARGS, 'total_iter'],
    kinds: { ...STATE_AVERAGE_KINDS, total_iter: 'positive number' },
  } as const satisfies ArgSpec;
  readonly totalIter: number;

  constructor(args: ExpMomentumArgs = {}) {
    super(args);
    this.totalIter = args.totalIter ?? 2000;
  }

  protected override curve(iter: number): number {
    return (1 - this.momentum) * Math.exp(-(1 + iter) / this.totalIter) + this.momentum;
  }
}

HOOKS.registerModule()(ExpMomentumEMAHook);
