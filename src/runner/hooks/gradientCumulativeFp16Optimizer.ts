import type { Parameter } from '../../nn/index.ts';
import { declareArgs, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { CUMULATIVE_ARGS, GradientCumulativeOptimizerHook } from './gradientCumulativeOptimizer.ts';
import { FP16_ARGS, ScaledStep } from './scaledStep.ts';

const ARGS = declareArgs({ ...CUMULATIVE_ARGS.table, ...FP16_ARGS.table });

/**
 * GradientCumulativeOptimizerHook with a scaled loss: the sums are scaled, and a block with an infinite or NaN gradient
 * makes no step.
 * Source: mmcv 1.7.2 `hooks/optimizer.py`. Differs: as Fp16OptimizerHook.
 */
export class GradientCumulativeFp16OptimizerHook extends GradientCumulativeOptimizerHook {
  static override readonly args: ArgSpec = ARGS;
  readonly #scaled: ScaledStep;

  /** @throws ConfigError for a bad loss_scale */
  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super(args);
    this.#scaled = new ScaledStep(args);
  }

  override beforeRun(runner: BaseRunner): void {
    this.#scaled.begin(runner);
  }

  protected override get lossScale(): number {
    return this.#scaled.scaler.scale;
  }

  protected override async stepWithSums(runner: BaseRunner, parameters: readonly Parameter[]): Promise<void> {
    await this.#scaled.run(runner, parameters, () => this.clipAndStep(runner, parameters));
  }
}

HOOKS.registerModule()(GradientCumulativeFp16OptimizerHook);
