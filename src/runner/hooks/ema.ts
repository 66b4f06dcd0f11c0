import { ConfigError } from '../../errors/trainerError.ts';
import type { Module, Parameter } from '../../nn/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import {
  WEIGHT_AVERAGE_ARGS,
  WEIGHT_AVERAGE_KINDS,
  WeightAverageHook,
  type WeightAverageArgs,
} from './weightAverage.ts';

interface EmaArgs extends WeightAverageArgs {
  /** At least 0; slows the first iterations down: m is at most (1 + i) / (warm_up + i). Default 100; 0 and 1: no slower. */
  warmUp?: number;
}

/**
 * Averages the parameters: m = min(momentum^interval, (1 + i) / (warm_up + i)) in every iteration i that `interval`
 * divides. It must run before the checkpoint hook for its average to be saved in place: `priority=49`.
 * Source: mmcv 1.7.2 `hooks/ema.py`. Differs: with warm_up=0 the first iteration has no limit, where MMCV divides by 0.
 */
export class EMAHook extends WeightAverageHook {
  static readonly args = {
    optional: [...WEIGHT_AVERAGE_ARGS, 'warm_up'],
    kinds: { ...WEIGHT_AVERAGE_KINDS, warm_up: 'number' },
  } as const satisfies ArgSpec;
  readonly warmUp: number;

  constructor(args: EmaArgs = {}) {
    super(args);
    this.warmUp = args.warmUp ?? 100;
    if (this.warmUp < 0)
      throw new ConfigError(`warm_up must be at least 0, but got ${this.warmUp}`, { code: 'bad-value' });
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
