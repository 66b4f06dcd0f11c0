import type { Module, Parameter } from '../../nn/index.ts';
import {
  declareArgs,
  atLeast,
  number,
  optional,
  checkedArgs,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import { WEIGHT_AVERAGE_ARGS, WeightAverageHook } from './weightAverage.ts';

const ARGS = declareArgs({
  ...WEIGHT_AVERAGE_ARGS.table,
  warm_up: optional(
    atLeast(number, 0),
    100,
    'Slows the first updates down: the share is at most (1 + i) / (warm_up + i); 0 and 1: no slower.',
    'iterations',
  ),
});

/**
 * Averages the parameters: m = min(momentum^interval, (1 + i) / (warm_up + i)) in every iteration i that `interval`
 * divides. It must run before the checkpoint hook for its average to be saved in place: `priority=49`.
 * Source: mmcv 1.7.2 `hooks/ema.py`. Differs: with warm_up=0 the first iteration has no limit, where MMCV divides by 0.
 */
export class EMAHook extends WeightAverageHook {
  static readonly args: ArgSpec = ARGS;
  readonly warmUp: number;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super(args);
    this.warmUp = checkedArgs(ARGS, args).warmUp;
  }

  protected override sources(model: Module): [string, Parameter][] {
    return model.namedParameters();
  }

  protected override momentumAt(iter: number): number | null {
    if (iter % this.interval !== 0) return null;
    return Math.min(this.momentum ** this.interval, (1 + iter) / (this.warmUp + iter));
  }
}

HOOKS.registerModule()(EMAHook);
