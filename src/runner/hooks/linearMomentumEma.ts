import { declareArgs, above, number, optional, checkedArgs, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { STATE_AVERAGE_ARGS, StateAverageHook } from './stateAverage.ts';

const ARGS = declareArgs({
  ...STATE_AVERAGE_ARGS.table,
  warm_up: optional(
    above(number, 0),
    100,
    'Slows the first updates down: the share is at most (1 + i) / (warm_up + i).',
    'iterations',
  ),
});

/**
 * Averages with m = min(momentum^interval, (1 + i) / (warm_up + i)).
 * Source: mmdet 2.28.2 `core/hook/ema.py`.
 */
export class LinearMomentumEMAHook extends StateAverageHook {
  static readonly args: ArgSpec = ARGS;
  readonly warmUp: number;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super(args);
    this.warmUp = checkedArgs(ARGS, args).warmUp;
  }

  protected override curve(iter: number): number {
    return Math.min(this.momentum ** this.interval, (1 + iter) / (this.warmUp + iter));
  }
}

HOOKS.registerModule()(LinearMomentumEMAHook);
