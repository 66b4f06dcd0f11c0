import { stateItems, type FloatBuffer, type IntBuffer, type Module, type Parameter } from '../../nn/index.ts';
import {
  WEIGHT_AVERAGE_ARGS,
  WEIGHT_AVERAGE_KINDS,
  WeightAverageHook,
  type WeightAverageArgs,
} from './weightAverage.ts';

export interface StateAverageArgs extends WeightAverageArgs {
  /** Average the parameters only, not the norm layers' statistics. Default false. */
  skipBuffers?: boolean;
}

export const STATE_AVERAGE_ARGS = [...WEIGHT_AVERAGE_ARGS, 'skip_buffers'] as const;
export const STATE_AVERAGE_KINDS = { ...WEIGHT_AVERAGE_KINDS, skip_buffers: 'flag' } as const;

/**
 * Base of MMDetection's EMA hooks: averages the whole state dict.
 * Source: mmdet 2.28.2 `core/hook/ema.py` BaseEMAHook.
 */
export abstract class StateAverageHook extends WeightAverageHook {
  readonly skipBuffers: boolean;

  constructor(args: StateAverageArgs) {
    super(args);
    this.skipBuffers = args.skipBuffers ?? false;
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
