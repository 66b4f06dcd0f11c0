import { stateItems, type FloatBuffer, type IntBuffer, type Module, type Parameter } from '../../nn/index.ts';
import { declareArgs, flag, optional, withDefaults, type ArgsOf } from '../../registry/args/index.ts';
import { WEIGHT_AVERAGE_ARGS, WeightAverageHook } from './weightAverage.ts';

/** Arguments of MMDetection's EMA hooks. */
export const STATE_AVERAGE_ARGS = declareArgs({
  ...WEIGHT_AVERAGE_ARGS.table,
  skip_buffers: optional(flag, false, "Average the parameters only, not the norm layers' statistics."),
});

export type StateAverageArgs = ArgsOf<typeof STATE_AVERAGE_ARGS>;

/**
 * Base of MMDetection's EMA hooks: averages the whole state dict.
 * Source: mmdet 2.28.2 `core/hook/ema.py` BaseEMAHook.
 */
export abstract class StateAverageHook extends WeightAverageHook {
  readonly skipBuffers: boolean;

  constructor(args: StateAverageArgs) {
    super(args);
    this.skipBuffers = withDefaults(STATE_AVERAGE_ARGS, args).skipBuffers;
  }

  /** m of an iteration, 0-based. */
  protected abstract curve(iter: number): number;

  protected override sources(model: Module): [string, Parameter | FloatBuffer | IntBuffer][] {
    return this.skipBuffers ? model.namedParameters() : [...stateItems(model)];
  }

  protected override momentumAt(iter: number): number | null {
    return (iter + 1) % this.interval === 0 ? this.curve(iter) : null;
  }
}
