import { scaleGrads } from '../../optim/gradScaler.ts';
import { declareArgs, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { OPTIMIZER_HOOK_ARGS, OptimizerHook } from './optimizer.ts';
import { FP16_ARGS, ScaledStep } from './scaledStep.ts';

const ARGS = declareArgs({ ...OPTIMIZER_HOOK_ARGS.table, ...FP16_ARGS.table });

/**
 * OptimizerHook with a scaled loss. A config's `fp16` stands for it.
 * Source: mmcv 1.7.2 `hooks/optimizer.py` (the branch of PyTorch >= 1.6). Differs: the arithmetic is float32; the scale
 * multiplies the gradients instead of the loss, which gives the same bits for powers of two.
 */
export class Fp16OptimizerHook extends OptimizerHook {
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

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    const { optimizer, outputs } = runner;
    if (!optimizer || !outputs?.grads) return;
    this.reportAnomalous(runner);
    optimizer.zeroGrad();
    for (const [parameter, grad] of outputs.grads) parameter.grad = grad;
    const parameters = [...outputs.grads.keys()];
    const { scale } = this.#scaled.scaler;
    if (scale !== 1) scaleGrads(optimizer, parameters, scale);
    await this.#scaled.run(runner, parameters, () => this.clipAndStep(runner, parameters));
  }
}

HOOKS.registerModule()(Fp16OptimizerHook);
