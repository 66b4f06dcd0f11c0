import { declareArgs, above, number, optional, checkedArgs, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { STATE_AVERAGE_ARGS, StateAverageHook } from './stateAverage.ts';

const ARGS = declareArgs({
  ...STATE_AVERAGE_ARGS.table,
  total_iter: optional(above(number, 0), 2000, 'In which the share falls by e.', 'iterations'),
});

/**
 * Averages with m = (1 - momentum) exp(-(1 + i) / total_iter) + momentum, as YOLOX.
 * Source: mmdet 2.28.2 `core/hook/ema.py`.
 */
export class ExpMomentumEMAHook extends StateAverageHook {
  static readonly args: ArgSpec = ARGS;
  readonly totalIter: number;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super(args);
    this.totalIter = checkedArgs(ARGS, args).totalIter;
  }

  protected override curve(iter: number): number {
    return (1 - this.momentum) * Math.exp(-(1 + iter) / this.totalIter) + this.momentum;
  }
}

HOOKS.registerModule()(ExpMomentumEMAHook);
