import { scaleGrads } from '../../optim/gradScaler.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { OptimizerHook } from './optimizer.ts';
import { FP16_ARGS, FP16_KINDS, ScaledStep, type Fp16Args } from './scaledStep.ts';

/**
 * OptimizerHook with a scaled loss. A config's `fp16` stands for it.
 * Source: mmcv 1.7.2 `hooks/optimizer.py` (the branch of PyTorch >= 1.6). Differs: the arithmetic is float32; the scale
 * multiplies the gradients instead of the loss, which gives the same bits for powers of two.
 */
export class Fp16OptimizerHook extends OptimizerHook {
  static override readonly args: ArgSpec & { readonly optional: readonly string[] } = {
    optional: [...OptimizerHook.args.optional, ...FP16_ARGS],
    kinds: { ...OptimizerHook.args.kinds, ...FP16_KINDS },
  };
  readonly #scaled: ScaledStep;

  /** @throws ConfigError for a bad loss_scale */
  constructor(args: Fp16Args = {}) {
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
